//! The registrar's mail: sending it into the outbox, and its text.
//!
//! A row holds what a mail is about; the message itself (RFC 5322) is made by [`message`] when somebody reads it, as the link
//! in it leads to wherever the daemon listens by then. Contacts are ASCII ([`super::contact`]), so no header needs encoding.

use enishi_state::route53domains::{Contact, DomainId, Mail, MailId, MailKind};
use enishi_state::{AccountId, Tx};

use super::date;

/// Who sends. `.internal` is nobody's (reserved by ICANN for private use), so that no answer goes astray.
const SENDER: &str = "noreply@registrar.enishi.internal";

/// Where the link in a verification mail leads, at the daemon's endpoint.
pub const VERIFY_PATH: &str = "/_enishi/domains/verify";

/// Random bytes of a token: nobody guesses it.
const TOKEN_BYTES: usize = 32;

/// Random bytes of a mail's id: few enough to type it.
const ID_BYTES: usize = 4;

/// Mails about one domain that the outbox keeps: the newest.
const KEPT: usize = 100;

/// A fresh token for a link.
pub(super) fn token(tx: &mut Tx<'_>) -> String {
    hex::<TOKEN_BYTES>(tx)
}

fn hex<const N: usize>(tx: &mut Tx<'_>) -> String {
    let mut bytes = [0u8; N];
    tx.entropy().fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts a mail to a contact into the outbox.
pub(super) fn send(
    tx: &mut Tx<'_>,
    account: &AccountId,
    domain: &DomainId,
    to: &Contact,
    kind: MailKind,
) -> MailId {
    let mut id = MailId::new(&hex::<ID_BYTES>(tx));
    while tx.world().get::<Mail>(&id).is_some() {
        id = MailId::new(&hex::<ID_BYTES>(tx));
    }
    make_room(tx, domain);
    tx.put(Mail {
        id: id.clone(),
        account: account.clone(),
        domain: domain.clone(),
        name: format!("{} {}", to.first_name, to.last_name),
        to: to.email.clone(),
        sent: tx.now(),
        kind,
    });
    id
}

/// Removes the oldest mails about a domain, so that there is room for one more: whoever asks for mails again and again fills
/// nobody's disk.
fn make_room(tx: &mut Tx<'_>, domain: &DomainId) {
    let about = tx.world().by::<Mail>("domain", domain.as_str());
    let mut kept: Vec<_> = about.map(|mail| (mail.sent, mail.id.clone())).collect();
    kept.sort();
    let surplus = (kept.len() + 1).saturating_sub(KEPT);
    for (_, id) in kept.into_iter().take(surplus) {
        tx.remove::<Mail>(&id);
    }
}

/// The subject line.
pub fn subject(mail: &Mail) -> String {
    let domain = &mail.domain;
    match mail.kind {
        MailKind::Verify { .. } => format!("Verify your email address for {domain}"),
        MailKind::Suspended => format!("{domain} has been suspended"),
        MailKind::Renewed => format!("{domain} has been renewed"),
        MailKind::Expired => format!("{domain} has expired"),
        MailKind::Deleted => format!("{domain} has been deleted"),
    }
}

/// The link of a verification mail. `origin` is where the daemon is reached: `http://127.0.0.1:4566`.
pub fn link(mail: &Mail, origin: &str) -> Option<String> {
    match &mail.kind {
        MailKind::Verify { token, .. } => Some(format!("{origin}{VERIFY_PATH}?token={token}")),
        _ => None,
    }
}

/// The message as it would travel: headers, an empty line, a text in ASCII; lines end in CRLF (RFC 5322, section 2.1).
pub fn message(mail: &Mail, origin: &str) -> String {
    let headers = [
        format!("Date: {}", date::in_mail(mail.sent)),
        format!("From: Domain Registrar <{SENDER}>"),
        format!("To: {} <{}>", quoted(&mail.name), mail.to),
        format!("Subject: {}", subject(mail)),
        format!("Message-ID: <{}@registrar.enishi.internal>", mail.id),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        "Content-Transfer-Encoding: 7bit".to_owned(),
    ];
    let mut text = headers.join("\r\n");
    text.push_str("\r\n\r\n");
    for line in body(mail, origin).lines() {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}

/// A display name as a quoted string (RFC 5322, section 3.2.4).
fn quoted(name: &str) -> String {
    let escaped = name.chars().filter(|c| !c.is_control()).flat_map(|c| {
        let escape = matches!(c, '"' | '\\').then_some('\\');
        escape.into_iter().chain([c])
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn body(mail: &Mail, origin: &str) -> String {
    let Mail { name, domain, to, .. } = mail;
    let said = match &mail.kind {
        MailKind::Verify { expires, .. } => format!(
            "you are the registrant of {domain}. ICANN demands that your email address,\n\
             {to}, be verified. Please follow this link:\n\
             \n\
             {}\n\
             \n\
             The link works until {}. If you have not followed it by then, the\n\
             domain is suspended: its name is not resolved any more.\n",
            link(mail, origin).unwrap_or_default(),
            date::in_mail(*expires),
        ),
        MailKind::Suspended => format!(
            "your email address, {to}, has not been verified in time.\n\
             {domain} is suspended until it is. To get another mail with a link:\n\
             \n\
             aws route53domains resend-contact-reachability-email --domain-name {domain}\n"
        ),
        MailKind::Renewed => format!("{domain} has been renewed automatically for another year.\n"),
        MailKind::Expired => format!(
            "{domain} has expired and is not resolved any more. It can be renewed for\n\
             44 days; then it is deleted.\n"
        ),
        MailKind::Deleted => format!("{domain} has been deleted.\n"),
    };
    format!("Dear {name},\n\n{said}\nThis is a simulated registrar. Nobody but you sees this mail.\n")
}

#[cfg(test)]
mod tests {
    use enishi_state::Timestamp;

    use super::*;

    #[test]
    fn a_message_is_one_of_rfc_5322() {
        let kind = MailKind::Verify { token: "abc".to_owned(), expires: Timestamp(0), confirmed: None };
        let mail = Mail {
            id: MailId::new("0a1b2c3d"),
            account: AccountId::zero(),
            domain: DomainId::new("shop.com"),
            name: "Ann \"A\" Lee".to_owned(),
            to: "ann@mail.example".to_owned(),
            sent: Timestamp(1_767_323_045_000),
            kind,
        };
        let text = message(&mail, "http://127.0.0.1:4566");
        let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
        assert!(head.starts_with("Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nFrom: "), "{head}");
        assert!(head.contains("\r\nTo: \"Ann \\\"A\\\" Lee\" <ann@mail.example>\r\n"), "{head}");
        assert!(body.contains("\r\nhttp://127.0.0.1:4566/_enishi/domains/verify?token=abc\r\n"), "{body}");
        // No bare line feed, and no line over the limit of section 2.1.1.
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 998));
    }
}
