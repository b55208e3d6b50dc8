//! The top-level domains that can be registered under, and what they cost.
//! [Domains that you can register](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/registrar-tld-list.html)
//!
//! A part of AWS's list: the generic ones that are used most, and the countries'. Prices are of the order of AWS's; its price
//! list changes without notice, and nothing but `ListPrices` and `ViewBilling` shows them. What registries want to know
//! beside the contacts is from
//! [API_domains_ExtraParam](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_ExtraParam.html), as far as it
//! is demanded from everybody.

/// A top-level domain, or a second-level one under which a registry registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tld {
    /// `com`, `co.uk`
    pub(super) name: &'static str,
    /// For a year, in cents of a US dollar.
    pub(super) register: i64,
    /// For a year more.
    pub(super) renew: i64,
    /// To take a domain over from another registrar.
    pub(super) transfer: i64,
    /// To change the owner.
    pub(super) change_owner: i64,
    /// To get an expired domain back.
    pub(super) restore: i64,
    /// For how many years at most.
    pub(super) years: u8,
    /// The names of the extra parameters that every contact needs.
    pub(super) extra: &'static [&'static str],
}

const fn generic(name: &'static str, dollars: i64) -> Tld {
    let cents = dollars * 100;
    Tld {
        name,
        register: cents,
        renew: cents,
        transfer: cents,
        change_owner: 0,
        restore: 6600,
        years: 10,
        extra: &[],
    }
}

const fn country(name: &'static str, dollars: i64) -> Tld {
    Tld { restore: 8700, ..generic(name, dollars) }
}

const fn wants(extra: &'static [&'static str], tld: Tld) -> Tld {
    Tld { extra, ..tld }
}

const fn years(years: u8, tld: Tld) -> Tld {
    Tld { years, ..tld }
}

const UK: &[&str] = &["UK_CONTACT_TYPE"];
const AU: &[&str] = &["AU_ID_NUMBER", "AU_ID_TYPE"];
const CA: &[&str] = &["CA_LEGAL_TYPE"];
const ES: &[&str] = &["ES_IDENTIFICATION", "ES_IDENTIFICATION_TYPE", "ES_LEGAL_FORM"];
const IT: &[&str] = &["IT_NATIONALITY", "IT_PIN", "IT_REGISTRANT_ENTITY_TYPE"];
const RU: &[&str] = &["BIRTH_DATE_IN_YYYY_MM_DD", "RU_PASSPORT_DATA"];
const SE: &[&str] = &["BIRTH_COUNTRY", "SE_ID_NUMBER"];
const SG: &[&str] = &["SG_ID_NUMBER"];

/// Every one, by name.
pub(super) const TLDS: &[Tld] = &[
    generic("agency", 24),
    generic("app", 20),
    country("at", 29),
    wants(AU, years(5, country("au", 17))),
    country("be", 9),
    generic("biz", 19),
    generic("blog", 31),
    wants(CA, country("ca", 13)),
    generic("cc", 12),
    country("ch", 14),
    generic("cloud", 23),
    country("co", 27),
    years(5, country("co.nz", 24)),
    wants(UK, country("co.uk", 10)),
    generic("codes", 60),
    generic("com", 14),
    wants(AU, years(5, country("com.au", 17))),
    wants(SG, years(2, country("com.sg", 47))),
    generic("company", 19),
    years(1, country("de", 10)),
    generic("dev", 17),
    generic("digital", 37),
    generic("email", 25),
    wants(ES, years(5, country("es", 10))),
    country("eu", 13),
    years(1, country("fr", 12)),
    years(5, country("fi", 24)),
    generic("host", 96),
    country("in", 15),
    generic("info", 23),
    country("io", 71),
    wants(IT, years(1, country("it", 15))),
    years(1, country("jp", 90)),
    generic("life", 34),
    generic("link", 12),
    generic("live", 27),
    country("me", 24),
    wants(UK, country("me.uk", 10)),
    generic("mobi", 30),
    country("mx", 46),
    generic("name", 12),
    generic("net", 15),
    wants(AU, years(5, country("net.au", 17))),
    years(5, country("net.nz", 24)),
    generic("network", 26),
    years(1, country("nl", 10)),
    years(5, country("nz", 24)),
    generic("online", 39),
    generic("org", 13),
    years(5, country("org.nz", 24)),
    wants(UK, country("org.uk", 10)),
    wants(RU, years(1, country("ru", 35))),
    wants(SE, country("se", 23)),
    wants(SG, years(2, country("sg", 47))),
    generic("shop", 37),
    generic("site", 37),
    generic("solutions", 24),
    generic("space", 26),
    generic("store", 55),
    generic("systems", 24),
    generic("tech", 50),
    generic("tools", 34),
    country("tv", 34),
    wants(UK, country("uk", 9)),
    country("us", 15),
    generic("website", 26),
    generic("work", 11),
    generic("world", 37),
    generic("xyz", 14),
];

/// The one of that name.
pub(super) fn find(name: &str) -> Option<&'static Tld> {
    TLDS.iter().find(|tld| tld.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<&str> = TLDS.iter().map(|tld| tld.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
