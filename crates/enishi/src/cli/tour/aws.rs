//! As much of an AWS client as the tour needs: EC2's Query protocol, unsigned, one field of each answer.

use anyhow::{Context, bail};

use crate::cli::client::Endpoint;

/// The version of the EC2 API.
const VERSION: &str = "2016-11-15";

/// A client of the EC2 API.
#[derive(Debug)]
pub struct Aws<'a> {
    endpoint: &'a Endpoint,
}

impl<'a> Aws<'a> {
    /// A client of the daemon at `endpoint`.
    pub fn new(endpoint: &'a Endpoint) -> Self {
        Aws { endpoint }
    }

    /// Calls an operation; answers its XML.
    pub fn call(&self, action: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", VERSION).extend_pairs(parameters);
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let answer = self.endpoint.send("POST", "/", &headers, form.finish().as_bytes())?;
        let xml = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status != 200 {
            let text = |name| field(&xml, name).unwrap_or_default();
            bail!("{action} was refused: {} {}", text("Code"), text("Message"));
        }
        Ok(xml)
    }

    /// Calls an operation; answers one field of its answer.
    pub fn make(&self, action: &str, parameters: &[(&str, &str)], name: &str) -> anyhow::Result<String> {
        let xml = self.call(action, parameters)?;
        field(&xml, name).map(str::to_owned).with_context(|| format!("the answer to {action} has no {name}"))
    }
}

/// The text of the first element of this name.
pub fn field<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_are_found() {
        let xml =
            "<CreateVpcResponse><vpc><vpcId>vpc-1</vpcId><state>pending</state></vpc></CreateVpcResponse>";
        assert_eq!(super::field(xml, "vpcId"), Some("vpc-1"));
        assert_eq!(super::field(xml, "subnetId"), None);
    }
}
