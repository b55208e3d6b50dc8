//! Contacts: what is demanded of them, and how they are shown.
//! [Values that you specify](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-register-values-specify.html)
//!
//! Registries take ASCII only, so other letters are refused here instead of failing later, as AWS does.

use enishi_api::route53domains::{ContactDetail, ExtraParam};
use enishi_state::route53domains::{Contact, ContactType, Contacts};
use enishi_wire::Fault;

use super::faults;
use super::tld::Tld;

/// The longest telephone number, country code and dot included (RFC 5733, section 2.5).
const LONGEST_PHONE: usize = 20;

/// Collects what is wrong with one contact.
struct Check<'a> {
    role: &'static str,
    problems: &'a mut Vec<String>,
}

impl Check<'_> {
    fn complain(&mut self, field: &str, what: &str) {
        self.problems.push(format!("{}.{field} {what}", self.role));
    }

    fn required(&mut self, field: &str, value: Option<String>) -> String {
        match self.optional(field, value) {
            Some(value) => value,
            None => {
                self.complain(field, "is missing");
                String::new()
            }
        }
    }

    fn optional(&mut self, field: &str, value: Option<String>) -> Option<String> {
        let value = value.filter(|value| !value.trim().is_empty())?;
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            self.complain(field, "has characters other than ASCII");
        }
        Some(value)
    }

    fn kind(&mut self, value: Option<String>) -> ContactType {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            self.complain("CONTACT_TYPE", "is missing");
            return ContactType::Person;
        };
        // The model's values are all known; the codec has refused others.
        ContactType::ALL.into_iter().find(|kind| kind.name() == value).unwrap_or(ContactType::Person)
    }

    fn phone(&mut self, field: &str, value: String) -> String {
        if !value.is_empty() && !is_phone(&value) {
            self.complain(field, "must have the format +999.12345678");
        }
        value
    }

    fn contact(&mut self, given: ContactDetail) -> Contact {
        let kind = self.kind(given.contact_type);
        let organization = self.optional("ORGANIZATION_NAME", given.organization_name);
        if kind != ContactType::Person && organization.is_none() {
            self.complain("ORGANIZATION_NAME", "is missing");
        }
        let phone = self.required("PHONE_NUMBER", given.phone_number);
        let fax = self.optional("FAX", given.fax);
        let email = self.required("EMAIL", given.email);
        if !email.is_empty() && !is_email(&email) {
            self.complain("EMAIL", "is not a valid mail address");
        }
        Contact {
            first_name: self.required("FIRST_NAME", given.first_name),
            last_name: self.required("LAST_NAME", given.last_name),
            kind,
            organization,
            address_line_1: self.required("ADDRESS_LINE_1", given.address_line1),
            address_line_2: self.optional("ADDRESS_LINE_2", given.address_line2),
            city: self.required("CITY", given.city),
            state: self.optional("STATE", given.state),
            country: self.required("COUNTRY_CODE", given.country_code),
            zip_code: self.optional("ZIP_CODE", given.zip_code),
            phone: self.phone("PHONE_NUMBER", phone),
            email,
            fax: fax.map(|fax| self.phone("FAX", fax)),
            extra: given
                .extra_params
                .unwrap_or_default()
                .into_iter()
                .map(|param| (param.name, param.value))
                .collect(),
        }
    }
}

/// What was given for each contact; those of an update may be absent.
pub(super) struct Given {
    /// The owner.
    pub(super) registrant: Option<ContactDetail>,
    /// The administrative contact.
    pub(super) admin: Option<ContactDetail>,
    /// The technical contact.
    pub(super) tech: Option<ContactDetail>,
    /// The billing contact.
    pub(super) billing: Option<ContactDetail>,
}

/// Contacts that were given and are right.
pub(super) struct Parsed {
    pub(super) registrant: Option<Contact>,
    pub(super) admin: Option<Contact>,
    pub(super) tech: Option<Contact>,
    pub(super) billing: Option<Contact>,
}

impl Parsed {
    /// All contacts, those that were not given from `before`.
    pub(super) fn over(self, before: &Contacts) -> Contacts {
        Contacts {
            registrant: self.registrant.unwrap_or_else(|| before.registrant.clone()),
            admin: self.admin.unwrap_or_else(|| before.admin.clone()),
            tech: self.tech.unwrap_or_else(|| before.tech.clone()),
            billing: self.billing.or_else(|| before.billing.clone()),
        }
    }
}

/// Reads contacts. The order of complaints, and the names in them, are those of AWS's own.
///
/// # Errors
/// `InvalidInput` with everything that is wrong, `TLDRulesViolation` with what the registry misses.
pub(super) fn parse(given: Given, tld: &Tld) -> Result<Parsed, Fault> {
    let mut problems = Vec::new();
    let mut one = |role, detail: Option<ContactDetail>| {
        detail.map(|detail| Check { role, problems: &mut problems }.contact(detail))
    };
    let admin = one("ADMIN", given.admin);
    let registrant = one("OWNER", given.registrant);
    let tech = one("TECH", given.tech);
    let billing = one("BILL", given.billing);
    if !problems.is_empty() {
        return Err(faults::invalid_contacts(&problems));
    }
    let roles = [("ADMIN", &admin), ("OWNER", &registrant), ("TECH", &tech), ("BILL", &billing)];
    let given = roles.into_iter().filter_map(|(role, contact)| Some((role, contact.as_ref()?)));
    let missing: Vec<String> = given
        .flat_map(|(role, contact)| {
            let has = |name: &str| contact.extra.iter().any(|(key, value)| key == name && !value.is_empty());
            let lacks = tld.extra.iter().filter(move |name| !has(name));
            lacks.map(move |name| format!("{role}.{name} is missing"))
        })
        .collect();
    match missing.is_empty() {
        true => Ok(Parsed { registrant, admin, tech, billing }),
        false => Err(faults::tld_rules_violation(&missing)),
    }
}

/// A contact as it is shown.
pub(super) fn shape(contact: &Contact) -> ContactDetail {
    let extra = contact.extra.iter();
    let extra = extra.map(|(name, value)| ExtraParam { name: name.clone(), value: value.clone() });
    ContactDetail {
        first_name: Some(contact.first_name.clone()),
        last_name: Some(contact.last_name.clone()),
        contact_type: Some(contact.kind.name().to_owned()),
        organization_name: contact.organization.clone(),
        address_line1: Some(contact.address_line_1.clone()),
        address_line2: contact.address_line_2.clone(),
        city: Some(contact.city.clone()),
        state: contact.state.clone(),
        country_code: Some(contact.country.clone()),
        zip_code: contact.zip_code.clone(),
        phone_number: Some(contact.phone.clone()),
        email: Some(contact.email.clone()),
        fax: contact.fax.clone(),
        extra_params: Some(extra.collect()),
    }
}

/// `+country.number`
fn is_phone(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= LONGEST_PHONE
        && text
            .strip_prefix('+')
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(country, number)| country.len() <= 3 && digits(country) && digits(number))
}

/// `local@domain`, without the quoting that RFC 5322 would allow.
fn is_email(text: &str) -> bool {
    let local = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let domain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            (1..=64).contains(&name.len())
                && name.bytes().all(local)
                && host.contains('.')
                && host.bytes().all(domain)
                && host.split('.').all(|label| !label.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_have_a_country_and_a_dot() {
        assert!(is_phone("+1.2065550100") && is_phone("+81.312345678"));
        for text in ["", "+", "2065550100", "+12065550100", "+1.", "+.1", "+1234.5", "+1.555-0100"] {
            assert!(!is_phone(text), "{text}");
        }
    }

    #[test]
    fn mail_addresses_have_a_name_and_a_host() {
        assert!(is_email("a.b+c@mail.example.com"));
        for text in
            ["", "a", "@example.com", "a@", "a@host", "a b@example.com", "a@ex..com", "a@b@example.com"]
        {
            assert!(!is_email(text), "{text}");
        }
    }
}
