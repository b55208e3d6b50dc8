//! The AWS CLI's shorthand for structures and lists, `A=b,C=[{D=e}],F=g,h`, and JSON; typed by the service's schema.
//! [Using shorthand syntax](https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html)

use enishi_wire::Value;
use enishi_wire::schema::{Kind, Service, ShapeId, Structure};
use serde_json::Value as Json;

/// The value of a shape that a word of the command line says.
pub(super) fn typed(service: &'static Service, shape: ShapeId, word: &str) -> Result<Value, String> {
    let composite = matches!(service.shape(shape).kind, Kind::Structure(_) | Kind::List(_) | Kind::Map(_));
    let is_json = word.starts_with("{\"") || word.starts_with("[{\"") || word.starts_with("[\"");
    let json = match (composite, is_json) {
        (false, _) => Json::String(word.to_owned()),
        (true, true) => serde_json::from_str(word).map_err(|error| format!("{word}: {error}"))?,
        (true, false) => Reader { rest: word }.whole()?,
    };
    value(service, shape, &json)
}

/// The value of a shape that JSON or shorthand says. Scalars may be texts; a list may be one item.
fn value(service: &'static Service, shape: ShapeId, json: &Json) -> Result<Value, String> {
    let shape = service.shape(shape);
    let text = || match json {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(json.to_string()),
        _ => Err(format!("{json} is no {}", shape.name)),
    };
    let wrong = |text: &str| format!("{text:?} is no {}", shape.name);
    match &shape.kind {
        Kind::String(_) => text().map(Value::String),
        Kind::Boolean => match text()?.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            other => Err(wrong(other)),
        },
        Kind::Integer | Kind::Long => {
            let text = text()?;
            text.parse().map(Value::Int).map_err(|_| wrong(&text))
        }
        Kind::List(list) => {
            let items: Vec<&Json> = match json {
                Json::Array(items) => items.iter().collect(),
                item => vec![item],
            };
            let items = items.into_iter().map(|item| value(service, list.item, item));
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        Kind::Structure(structure) => members(service, structure, json),
        _ => Err(format!("{} cannot be written in a scenario", shape.name)),
    }
}

fn members(service: &'static Service, structure: &Structure, json: &Json) -> Result<Value, String> {
    let Json::Object(object) = json else { return Err(format!("{json} is no structure")) };
    let mut members = Vec::new();
    for (name, json) in object {
        let known = structure.members.iter().zip(0u16..).find(|(member, _)| member.name == name);
        let (member, index) = known.ok_or(format!("there is no member {name}"))?;
        members.push((index, value(service, member.target, json)?));
    }
    members.sort_by_key(|(index, _)| *index);
    Ok(Value::Structure(members))
}

/// Reads shorthand into JSON, where every scalar is a text.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn whole(mut self) -> Result<Json, String> {
        let value = match self.rest.starts_with(['[', '{']) {
            true => self.value()?,
            false if self.has_key() => self.pairs()?,
            false => self.texts(),
        };
        if self.rest.is_empty() { Ok(value) } else { Err(format!("{:?} is left over", self.rest)) }
    }

    fn value(&mut self) -> Result<Json, String> {
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.value()?);
                if !self.take(',') && !self.rest.starts_with(']') {
                    return Err(format!("a list ends at {:?}", self.rest));
                }
            }
            return Ok(Json::Array(items));
        }
        if self.take('{') {
            let pairs = self.pairs()?;
            return if self.take('}') { Ok(pairs) } else { Err("a structure has no end".to_owned()) };
        }
        Ok(Json::String(self.text()))
    }

    /// `A=b,C=d`; `A=b,c` is a list.
    fn pairs(&mut self) -> Result<Json, String> {
        let mut object = serde_json::Map::new();
        loop {
            let Some((key, rest)) = self.rest.split_once('=') else {
                return Err(format!("{:?} has no =", self.rest));
            };
            self.rest = rest;
            let mut value = self.value()?;
            while self.rest.starts_with(',') && !(Reader { rest: &self.rest[1..] }).has_key() {
                self.take(',');
                let next = self.value()?;
                match &mut value {
                    Json::Array(items) => items.push(next),
                    first => value = Json::Array(vec![first.take(), next]),
                }
            }
            object.insert(key.to_owned(), value);
            if !self.take(',') {
                return Ok(Json::Object(object));
            }
        }
    }

    /// `a,b`
    fn texts(&mut self) -> Json {
        let mut items = vec![Json::String(self.text())];
        while self.take(',') {
            items.push(Json::String(self.text()));
        }
        Json::Array(items)
    }

    /// Whether `name=` comes next.
    fn has_key(&self) -> bool {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        end > 0 && self.rest[end..].starts_with('=')
    }

    fn text(&mut self) -> String {
        let end = self.rest.find([',', ']', '}']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text.to_owned()
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shorthand_is_json_with_fewer_quotes() {
        let read = |text| Reader { rest: text }.whole();
        assert_eq!(read("From=0,To=65535"), Ok(json!({ "From": "0", "To": "65535" })));
        assert_eq!(read("Name=vpc-id,Values=a,b"), Ok(json!({ "Name": "vpc-id", "Values": ["a", "b"] })));
        assert_eq!(
            read("IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0},{CidrIp=10.0.0.0/8}],FromPort=1"),
            Ok(json!({
                "IpProtocol": "-1",
                "IpRanges": [{ "CidrIp": "0.0.0.0/0" }, { "CidrIp": "10.0.0.0/8" }],
                "FromPort": "1",
            }))
        );
        assert_eq!(read("a,b"), Ok(json!(["a", "b"])));
        for wrong in ["A=[b", "A={B=c", "A=b]", "A=[{B}]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
