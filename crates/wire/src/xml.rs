//! Writing XML: an escaping writer, and values as elements by the schema's names.
//!
//! ec2Query, awsQuery and restXml share the element rules; they differ only in what is around them.

use crate::scalar;
use crate::schema::{
    Kind, List, Location, Map, Member, Namespace, Service, ShapeId, Structure, TimestampFormat,
};
use crate::value::Value;
use crate::{Fault, Timestamp};

/// What an XML document begins with.
pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// An XML document being written.
pub(crate) struct Writer<'s> {
    service: Option<&'s Service>,
    times: Times,
    out: String,
}

/// How this protocol writes timestamps whose shape fixes no format.
#[derive(Clone, Copy)]
pub(crate) enum Times {
    /// RFC 3339, a fraction only where there is one.
    Short,
    /// RFC 3339 with always three digits of fraction: EC2's habit.
    Millis,
}

impl<'s> Writer<'s> {
    /// A document that holds the declaration only.
    pub(crate) fn new(service: Option<&'s Service>, times: Times) -> Self {
        let mut out = String::with_capacity(1024);
        out.push_str(DECLARATION);
        Self { service, times, out }
    }

    /// The finished document.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// `<name>`.
    pub(crate) fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    /// `<name xmlns="uri">`, or without the attribute when the uri is empty.
    pub(crate) fn open_in(&mut self, name: &str, prefix: &str, uri: &str) {
        if uri.is_empty() {
            return self.open(name);
        }
        self.out.push('<');
        self.out.push_str(name);
        self.namespace(prefix, uri);
        self.out.push('>');
    }

    /// `</name>`.
    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// `<name>text</name>`.
    pub(crate) fn text_element(&mut self, name: &str, text: &str) {
        self.open(name);
        escape(text, &mut self.out);
        self.close(name);
    }

    /// A body of the REST protocols: the root element with a structure's members.
    pub(crate) fn root(
        &mut self,
        name: &'static str,
        namespace: Option<Namespace>,
        structure: &Structure,
        members: &[(u16, Value)],
    ) {
        self.open_structure(Tag { name, namespace, timestamp: None }, structure, members);
        self.members(structure, members);
        self.close(name);
    }

    /// The members of a structure that stand in the body, in the model's order, attributes left out.
    pub(crate) fn members(&mut self, structure: &Structure, members: &[(u16, Value)]) {
        for (index, value) in members {
            if let Some(member) = structure.members.get(usize::from(*index))
                && !member.attribute
                && !matches!(member.location, Location::Header | Location::Headers | Location::StatusCode)
            {
                self.member(member, value);
            }
        }
    }

    /// The members of a modelled error beside its message.
    pub(crate) fn fault_detail(&mut self, fault: &Fault) {
        let modelled = self.service.and_then(|s| s.error_shape(fault.code()));
        if let (Some((_, structure)), Some(Value::Structure(members))) = (modelled, fault.detail()) {
            self.members(structure, members);
        }
    }

    fn namespace(&mut self, prefix: &str, uri: &str) {
        self.out.push_str(" xmlns");
        if !prefix.is_empty() {
            self.out.push(':');
            self.out.push_str(prefix);
        }
        self.out.push_str("=\"");
        escape(uri, &mut self.out);
        self.out.push('"');
    }

    fn member(&mut self, member: &Member, value: &Value) {
        let tag = Tag { name: member.wire_name, namespace: member.namespace, timestamp: member.timestamp };
        let Some(service) = self.service else { return };
        match (&service.shape(member.target).kind, value) {
            (Kind::List(list), Value::List(items)) if let Some(name) = member.flattened_name(list) => {
                let tag = Tag { name, namespace: list.item_namespace, timestamp: list.item_timestamp };
                for item in items {
                    self.element(tag, list.item, item);
                }
            }
            (Kind::Map(map), Value::Map(entries)) if member.flattened || map.flattened => {
                for entry in entries {
                    self.map_entry(tag, map, entry);
                }
            }
            _ => self.element(tag, member.target, value),
        }
    }

    fn element(&mut self, tag: Tag, id: ShapeId, value: &Value) {
        let Some(service) = self.service else { return };
        let shape = service.shape(id);
        match (&shape.kind, value) {
            (Kind::Structure(structure), Value::Structure(members)) => {
                self.open_structure(tag, structure, members);
                self.members(structure, members);
                self.close(tag.name);
            }
            (Kind::List(list), Value::List(items)) => self.list(tag, list, items),
            (Kind::Map(map), Value::Map(entries)) => self.map(tag, map, entries),
            (kind, scalar) => {
                if let Some(text) = self.scalar(kind, scalar, tag.timestamp) {
                    self.open_tag(tag);
                    escape(&text, &mut self.out);
                    self.close(tag.name);
                }
            }
        }
    }

    fn scalar<'v>(
        &self,
        kind: &Kind,
        value: &'v Value,
        format: Option<TimestampFormat>,
    ) -> Option<std::borrow::Cow<'v, str>> {
        if let (Times::Millis, None, Kind::Timestamp(None), Value::Timestamp(time)) =
            (self.times, format, kind, value)
        {
            return Some(Timestamp::date_time_millis(*time).into());
        }
        scalar::render(kind, value, format.unwrap_or(TimestampFormat::DateTime))
    }

    /// `<name/>` for an empty list, as AWS writes it.
    fn list(&mut self, tag: Tag, list: &List, items: &[Value]) {
        if items.is_empty() {
            return self.empty_tag(tag);
        }
        self.open_tag(tag);
        let item_tag =
            Tag { name: list.item_name(), namespace: list.item_namespace, timestamp: list.item_timestamp };
        for item in items {
            self.element(item_tag, list.item, item);
        }
        self.close(tag.name);
    }

    fn map(&mut self, tag: Tag, map: &Map, entries: &[(String, Value)]) {
        self.open_tag(tag);
        let entry_tag = Tag { name: "entry", namespace: None, timestamp: None };
        for entry in entries {
            self.map_entry(entry_tag, map, entry);
        }
        self.close(tag.name);
    }

    fn map_entry(&mut self, tag: Tag, map: &Map, (key, value): &(String, Value)) {
        self.open_tag(tag);
        let key_tag = Tag { name: map.key_name, namespace: map.key_namespace, timestamp: None };
        self.open_tag(key_tag);
        escape(key, &mut self.out);
        self.close(map.key_name);
        let value_tag = Tag { name: map.value_name, namespace: map.value_namespace, timestamp: None };
        self.element(value_tag, map.value, value);
        self.close(tag.name);
    }

    fn open_tag(&mut self, tag: Tag) {
        match tag.namespace {
            Some(namespace) => self.open_in(tag.name, namespace.prefix, namespace.uri),
            None => self.open(tag.name),
        }
    }

    fn empty_tag(&mut self, tag: Tag) {
        self.open_tag(tag);
        self.out.pop();
        self.out.push_str("/>");
    }

    /// The opening tag of a structure with those members that are attributes.
    fn open_structure(&mut self, tag: Tag, structure: &Structure, members: &[(u16, Value)]) {
        self.open_tag(tag);
        for (index, value) in members {
            let Some(member) = structure.members.get(usize::from(*index)) else { continue };
            if !member.attribute {
                continue;
            }
            let Some(service) = self.service else { continue };
            let kind = &service.shape(member.target).kind;
            if let Some(text) = self.scalar(kind, value, member.timestamp) {
                self.out.pop();
                self.out.push(' ');
                self.out.push_str(member.wire_name);
                self.out.push_str("=\"");
                escape(&text, &mut self.out);
                self.out.push_str("\">");
            }
        }
    }
}

/// What an element is called, and what its parent says about it.
#[derive(Clone, Copy)]
struct Tag {
    name: &'static str,
    namespace: Option<Namespace>,
    timestamp: Option<TimestampFormat>,
}

/// Appends text so that an XML reader gets the same text back. Carriage returns and other controls become character
/// references, since readers would normalise them; characters that XML 1.0 cannot hold become U+FFFD.
pub(crate) fn escape(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, character) in text.char_indices() {
        let replacement = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\r' => "&#xD;",
            '\u{85}' => "&#x85;",
            '\u{2028}' => "&#x2028;",
            '\t' | '\n' => continue,
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(replacement);
        from = at + character.len_utf8();
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        escape("a<b> & \"c\"\r\n\u{0}é", &mut out);
        assert_eq!(out, "a&lt;b&gt; &amp; &quot;c&quot;&#xD;\n\u{fffd}é");
    }
}
