//! Contacts of a domain. [API_domains_ContactDetail](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_ContactDetail.html)

use serde::{Deserialize, Serialize};

/// What a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactType {
    /// A person.
    Person,
    /// A company.
    Company,
    /// An association.
    Association,
    /// A public body.
    PublicBody,
    /// A reseller.
    Reseller,
}

impl ContactType {
    /// Every type.
    pub const ALL: [ContactType; 5] = [
        ContactType::Person,
        ContactType::Company,
        ContactType::Association,
        ContactType::PublicBody,
        ContactType::Reseller,
    ];

    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            ContactType::Person => "PERSON",
            ContactType::Company => "COMPANY",
            ContactType::Association => "ASSOCIATION",
            ContactType::PublicBody => "PUBLIC_BODY",
            ContactType::Reseller => "RESELLER",
        }
    }
}

/// What a contact is to a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ContactRole {
    /// The owner.
    Registrant,
    /// The administrative contact.
    Admin,
    /// The technical contact.
    Tech,
    /// The billing contact.
    Billing,
}

impl ContactRole {
    /// Every role.
    pub const ALL: [ContactRole; 4] =
        [ContactRole::Registrant, ContactRole::Admin, ContactRole::Tech, ContactRole::Billing];
}

/// A person or an organisation that answers for a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What it is.
    pub kind: ContactType,
    /// The organisation's name; never empty unless it is a person.
    pub organization: Option<String>,
    /// First line of the address.
    pub address_line_1: String,
    /// Second line of the address.
    pub address_line_2: Option<String>,
    /// The city.
    pub city: String,
    /// The state or province.
    pub state: Option<String>,
    /// ISO 3166-1 code of the country, two capital letters.
    pub country: String,
    /// The postal code.
    pub zip_code: Option<String>,
    /// The telephone number, `+country.number`.
    pub phone: String,
    /// The mail address.
    pub email: String,
    /// The fax number.
    pub fax: Option<String>,
    /// What some registries want to know beside, as name and value.
    pub extra: Vec<(String, String)>,
}

/// The contacts of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    /// The owner.
    pub registrant: Contact,
    /// The administrative contact.
    pub admin: Contact,
    /// The technical contact.
    pub tech: Contact,
    /// The billing contact, where one was given.
    pub billing: Option<Contact>,
}

/// Which contacts WHOIS queries do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privacy {
    /// The owner.
    pub registrant: bool,
    /// The administrative contact.
    pub admin: bool,
    /// The technical contact.
    pub tech: bool,
    /// The billing contact.
    pub billing: bool,
}
