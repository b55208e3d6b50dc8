//! `cargo xtask models`: trims the service models to what `models/operations.toml` names.
//!
//! Each `models/SERVICE.json` keeps botocore's own format (so that one reader serves the models and the published
//! protocol cases), without documentation, with only the named operations and the shapes they reach. `operationNames`
//! lists every operation of the service, so that a known but unsupported one is told apart from a misspelt one.
//! One operation or shape per line, sorted: a refresh shows as a readable diff.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::botocore;

/// Keys that carry text for people or that nothing reads.
const DROPPED: &[&str] = &[
    "documentation",
    "documentationUrl",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
    "pattern",
    "sensitive",
    "synthetic",
];

#[derive(Deserialize)]
struct Wanted {
    services: BTreeMap<String, WantedService>,
}

#[derive(Deserialize)]
struct WantedService {
    model: String,
    operations: Vec<String>,
}

/// Refreshes every model.
pub fn run(_args: &[String]) -> Result<()> {
    let root = crate::root();
    let text = fs::read_to_string(root.join("models/operations.toml"))?;
    let wanted: Wanted = toml::from_str(&text).context("models/operations.toml")?;
    let unpacked = unpack(&root)?;
    let version = botocore::version(&root.join("models/botocore.txt"))?;
    for (name, service) in &wanted.services {
        let model = read_model(&unpacked.join("botocore/data").join(&service.model))
            .with_context(|| format!("the model of {name}"))?;
        let trimmed = trim(&model, &service.operations).with_context(|| name.clone())?;
        let path = root.join("models").join(format!("{name}.json"));
        fs::write(&path, render(&version, &trimmed)?)?;
        println!("{}: {} operations", path.display(), service.operations.len());
    }
    Ok(())
}

fn unpack(root: &Path) -> Result<std::path::PathBuf> {
    let wheel = botocore::fetch(root, botocore::Form::Wheel)?;
    let target = wheel.with_extension("unpacked");
    if !target.is_dir() {
        botocore::run(Command::new("python3").args(["-m", "zipfile", "--extract"]).arg(&wheel).arg(&target))?;
    }
    Ok(target)
}

fn read_model(folder: &Path) -> Result<Value> {
    let packed = folder.join("service-2.json.gz");
    let mut text = String::new();
    if packed.is_file() {
        flate2::read::GzDecoder::new(fs::File::open(packed)?).read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(folder.join("service-2.json"))?;
    }
    Ok(serde_json::from_str(&text)?)
}

/// A model cut down to some operations.
struct Trimmed {
    metadata: Value,
    operation_names: Vec<String>,
    operations: BTreeMap<String, Value>,
    shapes: BTreeMap<String, Value>,
}

fn trim(model: &Value, wanted: &[String]) -> Result<Trimmed> {
    let all = object(model, "operations")?;
    let shapes = object(model, "shapes")?;
    let mut operations = BTreeMap::new();
    for name in wanted {
        let Some(operation) = all.get(name) else {
            bail!("the model has no operation {name}");
        };
        operations.insert(name.clone(), without_text(operation));
    }
    let mut reached = BTreeSet::new();
    for operation in operations.values() {
        collect_shapes(operation, shapes, &mut reached)?;
    }
    let mut operation_names: Vec<String> = all.keys().cloned().collect();
    operation_names.sort();
    Ok(Trimmed {
        metadata: model["metadata"].clone(),
        operation_names,
        operations,
        shapes: reached.iter().map(|name| (name.clone(), without_text(&shapes[name]))).collect(),
    })
}

fn object<'a>(model: &'a Value, key: &str) -> Result<&'a Map<String, Value>> {
    model[key].as_object().with_context(|| format!("the model has no object {key}"))
}

/// Adds every shape that `value` refers to, and what those refer to.
fn collect_shapes(value: &Value, shapes: &Map<String, Value>, reached: &mut BTreeSet<String>) -> Result<()> {
    match value {
        Value::Object(map) => {
            if let Some(name) = map.get("shape").and_then(Value::as_str)
                && reached.insert(name.to_owned())
            {
                let shape = shapes.get(name).with_context(|| format!("the model has no shape {name}"))?;
                collect_shapes(shape, shapes, reached)?;
            }
            for inner in map.values() {
                collect_shapes(inner, shapes, reached)?;
            }
        }
        Value::Array(items) => {
            for inner in items {
                collect_shapes(inner, shapes, reached)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The same without what `DROPPED` names; the members of a structure are kept whatever they are called.
fn without_text(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, _)| !DROPPED.contains(&key.as_str()))
                .map(|(key, inner)| {
                    let kept =
                        if key == "members" { members_without_text(inner) } else { without_text(inner) };
                    (key.clone(), kept)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_text).collect()),
        other => other.clone(),
    }
}

fn members_without_text(members: &Value) -> Value {
    match members {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, inner)| (name.clone(), without_text(inner))).collect())
        }
        other => without_text(other),
    }
}

fn render(version: &str, trimmed: &Trimmed) -> Result<String> {
    let mut out = String::from("{\n");
    out += &format!("\"source\": {},\n", serde_json::to_string(&format!("botocore {version}"))?);
    out += &format!("\"metadata\": {},\n", serde_json::to_string(&trimmed.metadata)?);
    out += "\"operations\": {\n";
    out += &lines(&trimmed.operations)?;
    out += "},\n\"shapes\": {\n";
    out += &lines(&trimmed.shapes)?;
    out += "},\n\"operationNames\": [\n";
    let names: Vec<String> = trimmed
        .operation_names
        .chunks(8)
        .map(|row| serde_json::to_string(row).map(|text| text[1..text.len() - 1].to_owned()))
        .collect::<Result<_, _>>()?;
    out += &names.join(",\n");
    out += "\n]\n}\n";
    Ok(out)
}

fn lines(entries: &BTreeMap<String, Value>) -> Result<String> {
    let rows: Vec<String> = entries
        .iter()
        .map(|(name, value)| {
            Ok(format!("{}: {}", serde_json::to_string(name)?, serde_json::to_string(value)?))
        })
        .collect::<Result<_>>()?;
    Ok(rows.join(",\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge can break the list unnoticed: the trimmed models are all that a build reads.
    #[test]
    fn the_models_have_the_operations_that_are_listed() {
        let root = crate::root();
        let text = fs::read_to_string(root.join("models/operations.toml")).expect("the list");
        let wanted: Wanted = toml::from_str(&text).expect("TOML");
        for (name, service) in &wanted.services {
            let path = root.join("models").join(format!("{name}.json"));
            let model: Value =
                serde_json::from_str(&fs::read_to_string(path).expect("a model")).expect("JSON");
            let has: BTreeSet<&str> =
                model["operations"].as_object().expect("operations").keys().map(String::as_str).collect();
            let listed: BTreeSet<&str> = service.operations.iter().map(String::as_str).collect();
            assert_eq!(has, listed, "{name}");
        }
    }
}
