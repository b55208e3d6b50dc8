//! Makes `enishi_api`'s modules from `models/*.json`: one per service, with its table, its structures and its operations.

mod model;
mod names;
mod tables;
mod types;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let models = here.join("../../models");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", models.display());
    let mut services = service_names(&models)?;
    services.sort();
    let mut index = String::new();
    for service in &services {
        let json = serde_json::from_slice(&fs::read(models.join(format!("{service}.json")))?)?;
        let model = model::read(&json).map_err(|error| format!("models/{service}.json: {error}"))?;
        let module = names::module(service);
        let mut code = tables::emit(service, &model)?;
        code += &types::emit(&model)?;
        fs::write(out.join(format!("{module}.rs")), code)?;
        writeln!(index, "/// {} ({}).", model.id, model.version)?;
        writeln!(
            index,
            "#[allow(clippy::single_match, reason = \"one arm per member, and some structures have one\")]"
        )?;
        writeln!(index, "pub mod {module} {{ include!(concat!(env!(\"OUT_DIR\"), \"/{module}.rs\")); }}")?;
    }
    let modules: Vec<String> = services.iter().map(|s| format!("&{}::SERVICE", names::module(s))).collect();
    writeln!(index, "/// Every service that has a table, in alphabetical order.")?;
    writeln!(index, "pub static SERVICES: &[&enishi_wire::schema::Service] = &[{}];", modules.join(", "))?;
    fs::write(out.join("index.rs"), index)?;
    Ok(())
}

fn service_names(models: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(models)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "json")
            && let Some(stem) = path.file_stem().and_then(|s| s.to_str())
        {
            names.push(stem.to_owned());
        }
    }
    Ok(names)
}
