//! The typed side: one struct per structure with its `Shape` implementation, and one unit struct per operation.

use std::collections::BTreeSet;
use std::fmt::{Error, Write as _};

use crate::model::{Kind, Member, Model, Structure};
use crate::names;

/// The structures and operations of a service as Rust.
pub fn emit(model: &Model) -> Result<String, Error> {
    let types = Types { model, in_responses: reached_by_responses(model) };
    let mut out = String::from("use enishi_wire::{Members, Mismatch, Shape, Value};\n");
    for (id, shape) in model.shapes.iter().enumerate() {
        if let Kind::Structure(structure) = &shape.kind {
            types.structure(&mut out, id as u16, &shape.name, structure)?;
        }
    }
    types.operations(&mut out)?;
    Ok(out)
}

struct Types<'m> {
    model: &'m Model,
    /// The shapes that a response can hold.
    in_responses: BTreeSet<u16>,
}

impl Types<'_> {
    fn structure(&self, out: &mut String, id: u16, name: &str, structure: &Structure) -> Result<(), Error> {
        let type_name = names::structure(name);
        writeln!(
            out,
            "/// AWS's `{name}`.\n#[derive(Clone, Debug, Default, PartialEq)]\npub struct {type_name} {{"
        )?;
        for member in &structure.members {
            writeln!(out, "/// `{}`{}.", member.name, if member.required { ", required" } else { "" })?;
            writeln!(out, "pub {}: {},", names::field(&member.name), self.field_type(id, member))?;
        }
        writeln!(out, "}}\nimpl Shape for {type_name} {{")?;
        Self::write_from_value(out, structure)?;
        Self::write_into_value(out, structure)?;
        writeln!(out, "}}")
    }

    fn write_from_value(out: &mut String, structure: &Structure) -> Result<(), Error> {
        writeln!(out, "fn from_value(value: Value) -> Result<Self, Mismatch> {{")?;
        if structure.members.is_empty() {
            return writeln!(out, "Members::of(value)?; Ok(Self {{}}) }}");
        }
        writeln!(
            out,
            "let mut it = Self::default();\nfor (index, value) in Members::of(value)? {{ match index {{"
        )?;
        for (index, member) in structure.members.iter().enumerate() {
            writeln!(out, "{index} => it.{} = Shape::from_value(value)?,", names::field(&member.name))?;
        }
        writeln!(out, "_ => {{}} }} }}\nOk(it) }}")
    }

    fn write_into_value(out: &mut String, structure: &Structure) -> Result<(), Error> {
        let count = structure.members.len();
        let binding = if count == 0 { "let members" } else { "let mut members" };
        writeln!(out, "fn into_value(self) -> Value {{ {binding} = Members::with_capacity({count});")?;
        for (index, member) in structure.members.iter().enumerate() {
            writeln!(out, "members.put({index}, self.{});", names::field(&member.name))?;
        }
        writeln!(out, "members.finish() }}")
    }

    fn field_type(&self, owner: u16, member: &Member) -> String {
        let inner = self.type_of(member.target);
        let inner = if self.holds(member.target, owner) { format!("Box<{inner}>") } else { inner };
        if member.required || self.is_plain_list(owner, member) { inner } else { format!("Option<{inner}>") }
    }

    /// ec2Query cannot tell an absent list from an empty one, so a list that only EC2 requests carry is a plain `Vec`.
    fn is_plain_list(&self, owner: u16, member: &Member) -> bool {
        let is_list = matches!(self.model.shapes[usize::from(member.target)].kind, Kind::List(_));
        is_list && self.model.protocols == ["Ec2Query"] && !self.in_responses.contains(&owner)
    }

    fn type_of(&self, id: u16) -> String {
        let shape = &self.model.shapes[usize::from(id)];
        match &shape.kind {
            Kind::Structure(_) => names::structure(&shape.name),
            Kind::List(list) => format!("Vec<{}>", self.type_of(list.item)),
            Kind::Map(map) => format!("std::collections::BTreeMap<String, {}>", self.type_of(map.value)),
            Kind::String(_) => "String".to_owned(),
            Kind::Boolean => "bool".to_owned(),
            Kind::Integer => "i32".to_owned(),
            Kind::Long => "i64".to_owned(),
            Kind::Float | Kind::Double => "f64".to_owned(),
            Kind::Blob => "enishi_wire::Blob".to_owned(),
            Kind::Timestamp(_) => "enishi_wire::Timestamp".to_owned(),
            Kind::Document => "enishi_wire::Document".to_owned(),
        }
    }

    /// Whether a structure holds another by value, directly or through further structures: then it must be boxed.
    fn holds(&self, holder: u16, wanted: u16) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![holder];
        while let Some(id) = open.pop() {
            if id == wanted {
                return true;
            }
            if let Kind::Structure(s) = &self.model.shapes[usize::from(id)].kind
                && seen.insert(id)
            {
                open.extend(s.members.iter().map(|m| m.target));
            }
        }
        false
    }

    fn operations(&self, out: &mut String) -> Result<(), Error> {
        writeln!(out, "/// The operations, each a type that a handler is registered for.\npub mod ops {{")?;
        for (index, operation) in self.model.operations.iter().enumerate() {
            let shape = |id: Option<u16>| {
                id.map_or_else(|| "()".to_owned(), |id| format!("super::{}", self.type_of(id)))
            };
            let name = &operation.name;
            writeln!(out, "/// `{name}`.\n#[derive(Clone, Copy, Debug)]\npub struct {name};")?;
            writeln!(out, "impl enishi_wire::Operation for {name} {{")?;
            writeln!(
                out,
                "type Input = {}; type Output = {};",
                shape(operation.input),
                shape(operation.output)
            )?;
            writeln!(out, "const NAME: &'static str = {name:?};")?;
            writeln!(out, "const SERVICE: &'static enishi_wire::schema::Service = &super::SERVICE;")?;
            writeln!(
                out,
                "const SCHEMA: &'static enishi_wire::schema::Operation = &super::tables::OPERATIONS[{index}];\n}}"
            )?;
        }
        writeln!(out, "}}")
    }
}

fn reached_by_responses(model: &Model) -> BTreeSet<u16> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<u16> =
        model.operations.iter().flat_map(|o| o.output.into_iter().chain(o.errors.iter().copied())).collect();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        match &model.shapes[usize::from(id)].kind {
            Kind::Structure(s) => open.extend(s.members.iter().map(|m| m.target)),
            Kind::List(list) => open.push(list.item),
            Kind::Map(map) => open.push(map.value),
            _ => {}
        }
    }
    seen
}
