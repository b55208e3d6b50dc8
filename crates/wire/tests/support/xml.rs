//! XML as a tree, to compare documents by what they say.

use enishi_wire::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    /// The document's root.
    pub fn parse(document: &str) -> Self {
        let mut reader = Reader::from_str(document);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().expect("well-formed XML") {
                Event::Start(start) => open.push(Self::start(&start)),
                Event::Empty(start) => {
                    let element = Self::start(&start);
                    open.last_mut().expect("a root").children.push(element);
                }
                Event::End(_) => {
                    let done = open.pop().expect("an open element");
                    open.last_mut().expect("a root").children.push(done);
                }
                Event::Text(text) => {
                    open.last_mut().expect("a root").text.push_str(&text.into_inner());
                }
                Event::CData(data) => {
                    open.last_mut().expect("a root").text.push_str(&data.into_inner());
                }
                Event::GeneralRef(reference) => {
                    let name = reference.into_inner();
                    let text =
                        quick_xml::escape::unescape(&format!("&{name};")).expect("a reference").into_owned();
                    open.last_mut().expect("a root").text.push_str(&text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        open.remove(0).children.remove(0)
    }

    fn start(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|a| a.expect("an attribute"));
        Self {
            name: start.name().as_ref().to_owned(),
            attributes: attributes.map(|a| (a.key.as_ref().to_owned(), a.value.into_owned())).collect(),
            ..Self::default()
        }
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The same without children of these names, at any depth.
    pub fn without(mut self, names: &[&str]) -> Self {
        self.children.retain(|c| !names.contains(&c.name.as_str()));
        self.children = self.children.into_iter().map(|c| c.without(names)).collect();
        self
    }

    /// Whether both say the same: siblings of different names in any order, times and numbers by value, white space
    /// around elements ignored.
    pub fn same(&self, other: &Self) -> bool {
        let sorted = |e: &Self| {
            let mut children = e.children.clone();
            children.sort_by(|a, b| a.name.cmp(&b.name));
            children
        };
        let (a, b) = (sorted(self), sorted(other));
        self.name == other.name
            && self.attributes == other.attributes
            && a.len() == b.len()
            && (!a.is_empty() || same_text(&self.text, &other.text))
            && a.iter().zip(&b).all(|(a, b)| a.same(b))
    }
}

fn same_text(a: &str, b: &str) -> bool {
    let time = |t: &str| Timestamp::parse_date_time(t).or_else(|| Timestamp::parse_http_date(t));
    let number = |t: &str| t.parse::<f64>().ok().filter(|n| n.is_finite());
    a == b
        || (a.trim().is_empty() && b.trim().is_empty())
        || (time(a).is_some() && time(a) == time(b))
        || (number(a).is_some() && number(a) == number(b))
}
