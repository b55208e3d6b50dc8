//! Values of any shape out of a string of bytes: the same bytes give the same value, and fewer bytes a smaller one, so
//! that whoever makes the bytes (proptest, a seeded generator) can also shrink them.

use enishi_wire::schema::{Kind, Service, Shape, ShapeId, Structure};
use enishi_wire::{Blob, Timestamp, Value};

/// Letters that some layer has to escape, and some that need several bytes.
const LETTERS: &[char] =
    &['a', 'Z', '0', '-', '.', '&', '=', '%', '+', ' ', '<', '>', '"', '\'', '\n', '\r', 'é', '☃', '🜛'];

const FLOATS: &[f64] = &[0.0, 1.0, -1.5, 0.1, 123_456.789, 1e20];

/// Structures inside each other, at most.
const DEPTH: usize = 6;

/// Bytes to choose by; zeros once they are used up.
pub struct Entropy<'b> {
    bytes: &'b [u8],
}

impl<'b> Entropy<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        if bound <= 1 { 0 } else { (self.number() % bound as u64) as usize }
    }

    /// A value of that shape which its constraints allow. No structure and no list is empty: the form protocols cannot
    /// say so. No text is empty either: EC2 takes an empty parameter as one that was not given.
    pub fn value(&mut self, service: &Service, id: ShapeId, depth: usize) -> Value {
        let shape = service.shape(id);
        match &shape.kind {
            Kind::Structure(structure) => self.structure(service, structure, depth),
            Kind::List(list) => {
                let length = self.length(shape, 3).max(1);
                Value::List((0..length).map(|_| self.value(service, list.item, depth + 1)).collect())
            }
            Kind::Map(map) => {
                let length = self.length(shape, 3).max(1);
                let entries =
                    (0..length).map(|n| (format!("key{n}"), self.value(service, map.value, depth + 1)));
                Value::Map(entries.collect())
            }
            Kind::String(values) if !values.is_empty() => {
                Value::String(values[self.below(values.len())].to_owned())
            }
            Kind::String(_) => {
                let length = self.length(shape, 8).max(1);
                Value::String((0..length).map(|_| LETTERS[self.below(LETTERS.len())]).collect())
            }
            Kind::Boolean => Value::Bool(self.byte() & 1 == 1),
            Kind::Integer => Value::Int(self.within(shape, i32::MIN.into(), i32::MAX.into())),
            Kind::Long => Value::Int(self.within(shape, i64::MIN, i64::MAX)),
            Kind::Float | Kind::Double => Value::Float(
                FLOATS[self.below(if shape.max.or(shape.min).is_some() { 2 } else { FLOATS.len() })],
            ),
            Kind::Blob => {
                let length = self.length(shape, 8);
                Value::Blob(Blob((0..length).map(|_| self.byte()).collect()))
            }
            Kind::Timestamp(_) => {
                Value::Timestamp(Timestamp::from_millis((self.number() % 4_000_000_000_000) as i64))
            }
            Kind::Document => Value::Document(self.number().into()),
        }
    }

    fn structure(&mut self, service: &Service, structure: &Structure, depth: usize) -> Value {
        if structure.union {
            // A union has to have a member however deep it is: one that ends.
            let ending = |index: &usize| {
                let target = structure.members[*index].target;
                depth < DEPTH || !reaches(service, target, structure, DEPTH)
            };
            let candidates: Vec<usize> = (0..structure.members.len()).filter(ending).collect();
            let index = candidates[self.below(candidates.len())];
            let value = self.value(service, structure.members[index].target, depth + 1);
            return Value::Structure(vec![(index as u16, value)]);
        }
        let mut members = Vec::new();
        let last = structure.members.len().saturating_sub(1);
        for (index, member) in structure.members.iter().enumerate() {
            let is_last_chance = members.is_empty() && index == last;
            let wanted = depth < DEPTH && self.byte() & 3 == 1;
            if member.required || wanted || is_last_chance {
                members.push((index as u16, self.value(service, member.target, depth + 1)));
            }
        }
        Value::Structure(members)
    }

    fn length(&mut self, shape: &Shape, spread: usize) -> usize {
        let min = shape.min.unwrap_or(0).max(0) as usize;
        let max = shape.max.map_or(min + spread, |max| max.max(0) as usize);
        min + self.below(spread.min(max.saturating_sub(min)) + 1)
    }

    fn within(&mut self, shape: &Shape, min: i64, max: i64) -> i64 {
        let min = i128::from(shape.min.unwrap_or(min));
        let max = i128::from(shape.max.unwrap_or(max));
        (min + i128::from(self.number()) % (max - min + 1)) as i64
    }
}

/// Whether a shape has the structure within itself, up to so many levels below.
fn reaches(service: &Service, id: ShapeId, structure: &Structure, levels: usize) -> bool {
    let deeper = |id: ShapeId| levels > 0 && reaches(service, id, structure, levels - 1);
    match &service.shape(id).kind {
        Kind::Structure(other) => {
            std::ptr::eq(other, structure) || other.members.iter().any(|member| deeper(member.target))
        }
        Kind::List(list) => deeper(list.item),
        _ => false,
    }
}
