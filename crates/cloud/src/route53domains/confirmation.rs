//! Following the link of a verification mail.

use enishi_state::route53domains::{DomainId, Mail, MailId, MailKind};
use enishi_state::{Timestamp, Tx, World};

use super::reachability;

/// Why a link does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nobody sent it.
    Unknown,
    /// It is too old.
    Expired,
}

/// What a link confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The address that reaches somebody.
    pub address: String,
    /// The domain that the mail was about.
    pub domain: DomainId,
}

/// The mail with this token in its link, if the link still works.
///
/// # Errors
/// [`Refused`]
pub fn find<'w>(world: &'w World, token: &str, now: Timestamp) -> Result<&'w Mail, Refused> {
    let mail = world.by::<Mail>("token", token).next().ok_or(Refused::Unknown)?;
    match mail.kind {
        MailKind::Verify { expires, .. } if expires > now => Ok(mail),
        // A link that was followed in time may be followed again.
        MailKind::Verify { confirmed: Some(_), .. } => Ok(mail),
        _ => Err(Refused::Expired),
    }
}

/// Follows the link with this token: the address counts as confirmed, and every domain of that registrant is in force.
///
/// # Errors
/// [`Refused`]; nothing is changed then.
pub fn confirm(tx: &mut Tx<'_>, token: &str) -> Result<Confirmed, Refused> {
    let now = tx.now();
    let mail = find(tx.world(), token, now)?;
    let (id, address, domain): (MailId, String, DomainId) =
        (mail.id.clone(), mail.to.clone(), mail.domain.clone());
    if matches!(mail.kind, MailKind::Verify { confirmed: None, .. }) {
        tx.modify::<Mail>(&id, |mail| {
            if let MailKind::Verify { confirmed, .. } = &mut mail.kind {
                *confirmed = Some(now);
            }
        });
        reachability::confirm(tx, &address);
    }
    Ok(Confirmed { address, domain })
}
