//! The registrar's mail, for `enishi mail`, and the link in it.
//!
//! Mail never leaves this machine. A verification mail holds a link to this endpoint: looking at it (`GET`) shows a page with a
//! button and changes nothing, as mail programs look at links by themselves; the button (`POST`) confirms. Nobody can guess a
//! token, and pages of other sites are refused before they get here.

use std::sync::Arc;

use enishi_cloud::route53domains::confirmation::{self, Confirmed, Refused};
use enishi_cloud::route53domains::mail;
use enishi_state::route53domains::{ConfirmedAddress, Mail, MailId, MailKind};
use enishi_state::{Timestamp, Tx, World};
use enishi_wire::Fault;
use http::StatusCode;
use serde_json::{Value, json};

use super::{App, clock, daemon_caller};

/// Why a request was refused: the status and a sentence.
type Refusal = (StatusCode, String);

/// All mail, the newest last, as text and as data. `origin` is how the reader reaches the daemon.
pub fn list(world: &World, origin: &str) -> Value {
    let mut mails: Vec<&Mail> = world.all::<Mail>().collect();
    mails.sort_by(|a, b| (a.sent, &a.id).cmp(&(b.sent, &b.id)));
    let line = |mail: &&Mail| {
        let state = state(world, mail).map(|state| format!(" ({state})")).unwrap_or_default();
        format!("{}  {}  {}  {}{state}", mail.id, date(mail.sent), mail.to, mail::subject(mail))
    };
    let text: Vec<String> = mails.iter().map(line).collect();
    let text = if text.is_empty() { "no mail".to_owned() } else { text.join("\n") };
    let data: Vec<Value> = mails.into_iter().map(|mail| described(world, mail, origin)).collect();
    json!({ "text": text, "data": data })
}

/// One mail as the message that it is.
pub fn show(world: &World, name: &str, origin: &str) -> Result<Value, Refusal> {
    let mail = find(world, name, |_| true)?;
    let message = mail::message(mail, origin);
    let mut data = described(world, mail, origin);
    let text = message.replace("\r\n", "\n").trim_end().to_owned();
    if let Value::Object(members) = &mut data {
        members.insert("message".to_owned(), Value::String(message));
    }
    Ok(json!({ "text": text, "data": data }))
}

/// Follows the link in a mail.
pub async fn confirm(app: &Arc<App>, name: &str) -> Result<Value, Refusal> {
    let world = app.writer.newest().load_full();
    let mail = find(&world, name, |mail| matches!(mail.kind, MailKind::Verify { .. }))?;
    let MailKind::Verify { token, .. } = &mail.kind else {
        return Err((StatusCode::CONFLICT, format!("there is nothing to confirm in mail {}", mail.id)));
    };
    let confirmed = follow(app, token).await?;
    Ok(json!({
        "text": format!("{} is confirmed", confirmed.address),
        "data": { "id": mail.id, "domain": confirmed.domain, "address": confirmed.address },
    }))
}

/// What a look at the link shows.
pub fn question(world: &World, token: &str) -> Result<String, Refusal> {
    let mail = confirmation::find(world, token, clock::now()).map_err(refusal)?;
    Ok(page(&format!(
        "<p>Does <b>{}</b> reach the registrant of <b>{}</b>?</p>\n\
         <form method=\"post\" action=\"{}?token={}\"><button>Confirm</button></form>",
        escaped(&mail.to),
        escaped(mail.domain.as_str()),
        mail::VERIFY_PATH,
        escaped(token),
    )))
}

/// Follows the link, and says so on a page.
pub async fn answer(app: &Arc<App>, token: &str) -> Result<String, Refusal> {
    let confirmed = follow(app, token).await?;
    Ok(page(&format!(
        "<p><b>{}</b> is confirmed. {} stays in service.</p>",
        escaped(&confirmed.address),
        escaped(confirmed.domain.as_str()),
    )))
}

async fn follow(app: &Arc<App>, token: &str) -> Result<Confirmed, Refusal> {
    let world = app.writer.newest().load_full();
    let mail = confirmation::find(&world, token, clock::now()).map_err(refusal)?;
    let confirmed = Confirmed { address: mail.to.clone(), domain: mail.domain.clone() };
    let token = token.to_owned();
    let change = move |tx: &mut Tx<'_>| match confirmation::confirm(tx, &token) {
        Ok(_) => Ok(enishi_wire::Value::Structure(Vec::new())),
        Err(refused) => Err(Fault::new("InvalidInput", refusal(refused).1)),
    };
    let failed = |fault: Fault| (StatusCode::SERVICE_UNAVAILABLE, fault.message().to_owned());
    let (_, receipt) = app.writer.change(daemon_caller(), Box::new(change)).await.map_err(failed)?;
    app.wait(receipt).await.map_err(failed)?;
    Ok(confirmed)
}

fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Unknown => (StatusCode::NOT_FOUND, "this link is nobody's".to_owned()),
        Refused::Expired => {
            (StatusCode::GONE, "this link does not work any more; ask for another mail".to_owned())
        }
    }
}

/// The mail with this id, or the newest one about this domain that is `wanted`.
fn find<'w>(world: &'w World, name: &str, wanted: impl Fn(&Mail) -> bool) -> Result<&'w Mail, Refusal> {
    let newest = || {
        let about = world.by::<Mail>("domain", name.trim_end_matches('.')).filter(|mail| wanted(mail));
        about.max_by(|a, b| (a.sent, &a.id).cmp(&(b.sent, &b.id)))
    };
    let found = world.get::<Mail>(&MailId::new(name)).or_else(newest);
    let text = || format!("there is no mail {name:?}, and none about a domain of that name");
    found.ok_or_else(|| (StatusCode::NOT_FOUND, text()))
}

/// What became of a mail that asks for something.
fn state(world: &World, mail: &Mail) -> Option<&'static str> {
    // An address that was confirmed by one mail needs no other.
    let is_known = || world.get::<ConfirmedAddress>(&ConfirmedAddress::key(&mail.to)).is_some();
    match mail.kind {
        MailKind::Verify { .. } if is_known() => Some("confirmed"),
        MailKind::Verify { expires, .. } if expires <= clock::now() => Some("expired"),
        MailKind::Verify { .. } => Some("waits for you"),
        _ => None,
    }
}

fn described(world: &World, mail: &Mail, origin: &str) -> Value {
    json!({
        "id": mail.id,
        "account": mail.account,
        "domain": mail.domain,
        "to": mail.to,
        "name": mail.name,
        "sent": date(mail.sent),
        "subject": mail::subject(mail),
        "state": state(world, mail),
        "link": mail::link(mail, origin),
    })
}

fn date(time: Timestamp) -> String {
    enishi_wire::Timestamp::from_seconds(time.seconds()).date_time()
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Domain registrar</title></head>\n\
         <body><h1>Domain registrar</h1>\n{body}\n</body></html>\n"
    )
}

/// Text as part of a page.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            super::escaped("<a href=\"x\" b='y'>&"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;"
        );
    }
}
