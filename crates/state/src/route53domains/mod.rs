//! Route 53 Domains: registered domains, what was asked of the registrar, and the mail it sends. Global: rows belong to an
//! account, not to a region.

mod address;
mod bill;
mod contact;
mod domain;
mod mail;
mod operation;

pub use address::{ConfirmedAddress, ConfirmedAddressKey};
pub use bill::{Bill, BillId};
pub use contact::{Contact, ContactRole, ContactType, Contacts, Privacy};
pub use domain::{AccountTransfer, Domain, DomainId, NameServer, Reachability};
pub use mail::{Mail, MailId, MailKind};
pub use operation::{Operation, OperationId, OperationKind, OperationStatus, Registration, Work};
