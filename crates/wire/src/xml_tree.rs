//! Reading XML: a request body as a tree of elements, bounded.
//!
//! No document type is accepted, so no entity but the five of XML itself and character references expands. Elements are
//! told by their local name: a client may choose prefixes as it likes.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::limits;

/// An element of a request body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    /// The text directly in it.
    pub(crate) text: String,
}

impl Element {
    /// The document's root.
    ///
    /// # Errors
    /// What is wrong with the document, for people.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "the document is not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open = vec![Self::default()];
        let mut elements = 0;
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    check(&mut elements, open.len())?;
                    open.push(Self::start(&start)?);
                }
                Event::Empty(start) => {
                    check(&mut elements, open.len())?;
                    let element = Self::start(&start)?;
                    add(&mut open, element)?;
                }
                Event::End(_) => {
                    let done = open.pop().ok_or("an element ends that did not begin")?;
                    add(&mut open, done)?;
                }
                Event::Text(part) => append(&mut open, &part.into_inner()),
                Event::CData(part) => append(&mut open, &part.into_inner()),
                Event::GeneralRef(reference) => {
                    let text = format!("&{};", reference.into_inner());
                    append(&mut open, &unescape(&text).map_err(|error| error.to_string())?);
                }
                Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        let mut document = open.pop().ok_or("the document is empty")?;
        if !open.is_empty() {
            return Err("an element does not end".to_owned());
        }
        document.children.truncate(1);
        document.children.pop().ok_or_else(|| "the document is empty".to_owned())
    }

    fn start(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = unescape(&attribute.value).map_err(|error| error.to_string())?.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(Self { name: start.local_name().as_ref().to_owned(), attributes, ..Self::default() })
    }

    /// The children of that name.
    pub(crate) fn children<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        let local = local_name(name);
        self.children.iter().filter(move |child| child.name == local)
    }

    /// The first child of that name.
    pub(crate) fn child<'e>(&'e self, name: &'e str) -> Option<&'e Self> {
        self.children(name).next()
    }

    /// The value of an attribute, by its local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let wanted = local_name(name);
        let found =
            self.attributes.iter().find(|(name, _)| local_name(name) == wanted && !is_declaration(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn local_name(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

fn check(elements: &mut usize, depth: usize) -> Result<(), String> {
    *elements += 1;
    if *elements > limits::XML_ELEMENTS {
        return Err("the document has too many elements".to_owned());
    }
    if depth > limits::NESTING * 2 {
        return Err("the document is nested too deeply".to_owned());
    }
    Ok(())
}

fn add(open: &mut [Element], element: Element) -> Result<(), String> {
    let parent = open.last_mut().ok_or("an element ends that did not begin")?;
    parent.children.push(element);
    Ok(())
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn prefixes_and_references_are_read() {
        let root = Element::parse(
            b"<?xml version=\"1.0\"?><a:A x:t=\"1&amp;2\" xmlns:t=\"u\"><b>x&#65;&lt;<![CDATA[&]]></b></a:A>",
        )
        .unwrap();
        assert_eq!(root.name, "A");
        assert_eq!(root.attribute("xsi:t"), Some("1&2"));
        assert_eq!(root.child("b").unwrap().text, "xA<&");
    }

    #[test]
    fn broken_documents_are_refused() {
        for body in [
            &b""[..],
            b"text",
            b"<a>",
            b"<a></b>",
            b"</a>",
            b"<a>&unknown;</a>",
            b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            b"<a>\xff</a>",
        ] {
            assert!(Element::parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000));
        assert!(Element::parse(deep.as_bytes()).is_err());
    }
}
