//! CBOR as a tree, to compare bodies by what they say.

use std::collections::BTreeMap;

use minicbor::Decoder;
use minicbor::data::Type;

/// A data item: numbers of any width are one kind, entries of maps have no order, nulls in maps are absent entries.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Null,
    Bool(bool),
    /// A number, by its value: not a number is equal to itself here.
    Number(Option<f64>),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Item>),
    Map(BTreeMap<String, Item>),
    /// Seconds since 1970.
    Time(f64),
}

impl Item {
    /// The one item of a body, or an empty map of an empty body; `__type` loses the model's namespace.
    pub fn parse(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::Map(BTreeMap::new());
        }
        let mut cbor = Decoder::new(body);
        let mut item = Self::read(&mut cbor, body);
        assert_eq!(cbor.position(), body.len(), "one item");
        if let Self::Map(entries) = &mut item
            && let Some(Self::Text(kind)) = entries.get_mut("__type")
            && let Some((_, name)) = kind.split_once('#')
        {
            *kind = name.to_owned();
        }
        item
    }

    fn read(cbor: &mut Decoder<'_>, body: &[u8]) -> Self {
        match cbor.datatype().expect("a type") {
            Type::Null => {
                cbor.null().expect("null");
                Self::Null
            }
            Type::Bool => Self::Bool(cbor.bool().expect("a boolean")),
            Type::F16 => {
                let at = cbor.position() + 1;
                cbor.set_position(at + 2);
                Self::number(half([body[at], body[at + 1]]))
            }
            Type::F32 => Self::number(cbor.f32().expect("a float").into()),
            Type::F64 => Self::number(cbor.f64().expect("a double")),
            Type::String => Self::Text(cbor.str().expect("text").to_owned()),
            Type::StringIndef => {
                Self::Text(cbor.str_iter().expect("text").map(|piece| piece.expect("text")).collect())
            }
            Type::Bytes => Self::Bytes(cbor.bytes().expect("bytes").to_vec()),
            Type::Array | Type::ArrayIndef => {
                let length = cbor.array().expect("an array");
                let mut items = Vec::new();
                while has_next(cbor, length, items.len()) {
                    items.push(Self::read(cbor, body));
                }
                Self::List(items)
            }
            Type::Map | Type::MapIndef => {
                let length = cbor.map().expect("a map");
                let mut entries = BTreeMap::new();
                let mut read = 0;
                while has_next(cbor, length, read) {
                    read += 1;
                    let key = cbor.str().expect("a key").to_owned();
                    entries.insert(key, Self::read(cbor, body));
                }
                entries.retain(|_, value| *value != Self::Null);
                Self::Map(entries)
            }
            Type::Tag => {
                assert_eq!(cbor.tag().expect("a tag").as_u64(), 1);
                match Self::read(cbor, body) {
                    Self::Number(Some(seconds)) => Self::Time(seconds),
                    other => panic!("{other:?} is no time"),
                }
            }
            _ => Self::number(i128::from(cbor.int().expect("an integer")) as f64),
        }
    }

    fn number(number: f64) -> Self {
        Self::Number((!number.is_nan()).then_some(number))
    }
}

fn has_next(cbor: &mut Decoder<'_>, length: Option<u64>, read: usize) -> bool {
    match length {
        Some(length) => (read as u64) < length,
        None if cbor.datatype().expect("a type") == Type::Break => {
            cbor.set_position(cbor.position() + 1);
            false
        }
        None => true,
    }
}

/// The halves that the cases have: ordinary numbers, one subnormal, zero, infinities, not a number.
fn half(bytes: [u8; 2]) -> f64 {
    let bits = u16::from_be_bytes(bytes);
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match bits >> 10 & 0x1f {
        0 => sign * fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    }
}
