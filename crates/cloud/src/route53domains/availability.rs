//! Which names are free: `CheckDomainAvailability`, `GetDomainSuggestions`, `CheckDomainTransferability`, `ListPrices`.
//! [API_domains_CheckDomainAvailability](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_CheckDomainAvailability.html)
//!
//! The registrar of this world is the only one, so a domain is registered here or nowhere: a name that somebody here has is
//! `UNAVAILABLE`, and no domain can come from another registrar.

use enishi_api::route53domains::{
    CheckDomainAvailabilityRequest, CheckDomainAvailabilityResponse, CheckDomainTransferabilityRequest,
    CheckDomainTransferabilityResponse, DomainPrice, DomainSuggestion, DomainTransferability,
    GetDomainSuggestionsRequest, GetDomainSuggestionsResponse, ListPricesRequest, ListPricesResponse,
    PriceWithCurrency, ops,
};
use enishi_state::Read;
use enishi_state::route53domains::Domain;
use enishi_wire::Fault;

use super::name::DomainName;
use super::tld::{self, Tld};
use super::{faults, page};
use crate::registry::Registry;

/// Suggestions of one answer at most.
const SUGGESTIONS: i32 = 50;

/// The top-level domains of suggestions that keep the label.
const OTHERS: &[&str] =
    &["com", "net", "org", "io", "co", "info", "dev", "app", "cloud", "link", "me", "xyz"];

/// What is put before or after the label.
const AFFIXES: &[(&str, &str)] = &[
    ("get", ""),
    ("my", ""),
    ("", "online"),
    ("", "app"),
    ("the", ""),
    ("", "hq"),
    ("", "labs"),
    ("try", ""),
    ("", "-web"),
    ("", "group"),
    ("", "world"),
    ("go", ""),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::CheckDomainAvailability>(check_domain_availability);
    on.read::<ops::CheckDomainTransferability>(check_domain_transferability);
    on.read::<ops::GetDomainSuggestions>(get_domain_suggestions);
    on.stored_read::<ops::ListPrices>(list_prices);
}

fn dollars(cents: i64) -> PriceWithCurrency {
    // Prices are far below what a double counts exactly.
    PriceWithCurrency { price: cents as f64 / 100.0, currency: "USD".to_owned(), price_type: None }
}

fn check_domain_availability(
    read: &Read<'_>,
    input: CheckDomainAvailabilityRequest,
) -> Result<CheckDomainAvailabilityResponse, Fault> {
    let name = DomainName::parse(&input.domain_name)?;
    let availability = name.availability(read.world);
    Ok(CheckDomainAvailabilityResponse { availability: Some(availability.to_owned()), price: None })
}

fn check_domain_transferability(
    read: &Read<'_>,
    input: CheckDomainTransferabilityRequest,
) -> Result<CheckDomainTransferabilityResponse, Fault> {
    let name = DomainName::parse(&input.domain_name)?;
    let (transferable, message) = match read.world.get::<Domain>(&Domain::key(&name.name)) {
        Some(row) if row.account == read.caller.scope.account => ("DOMAIN_IN_OWN_ACCOUNT", None),
        Some(_) => ("DOMAIN_IN_ANOTHER_ACCOUNT", None),
        None => {
            ("UNTRANSFERABLE", Some(format!("{} is not registered with another registrar.", name.text())))
        }
    };
    Ok(CheckDomainTransferabilityResponse {
        transferability: Some(DomainTransferability { transferable: Some(transferable.to_owned()) }),
        message,
        price: None,
    })
}

fn get_domain_suggestions(
    read: &Read<'_>,
    input: GetDomainSuggestionsRequest,
) -> Result<GetDomainSuggestionsResponse, Fault> {
    let name = DomainName::parse(&input.domain_name)?;
    if !(1..=SUGGESTIONS).contains(&input.suggestion_count) {
        return Err(faults::invalid_input(format!("SuggestionCount must be between 1 and {SUGGESTIONS}.")));
    }
    let count = usize::try_from(input.suggestion_count).unwrap_or_default();
    let wanted = |found: &DomainName| !input.only_available || found.is_available(read.world);
    let suggestion = |found: DomainName| DomainSuggestion {
        domain_name: Some(found.text()),
        availability: input.only_available.then(|| "AVAILABLE".to_owned()),
        price: None,
    };
    let found = candidates(&name).into_iter().filter(wanted).take(count).map(suggestion);
    Ok(GetDomainSuggestionsResponse { suggestions_list: Some(found.collect()) })
}

/// Names like this one, the most alike first; the same for everyone at every time.
fn candidates(name: &DomainName) -> Vec<DomainName> {
    let others = OTHERS.iter().filter_map(|other| tld::find(other)).filter(|other| *other != name.tld);
    let mut tlds = vec![name.tld];
    tlds.extend(others.take(4));
    let same_label = OTHERS.iter().filter_map(|other| tld::find(other)).filter(|other| *other != name.tld);
    let mut found: Vec<DomainName> = same_label.filter_map(|tld| DomainName::of(&name.label, tld)).collect();
    for tld in tlds {
        let labels = AFFIXES.iter().map(|(before, after)| format!("{before}{}{after}", name.label));
        found.extend(labels.filter_map(|label| DomainName::of(&label, tld)));
    }
    found
}

fn list_prices(_: &Read<'_>, input: ListPricesRequest) -> Result<ListPricesResponse, Fault> {
    let tlds: Vec<&'static Tld> = match &input.tld {
        None => tld::TLDS.iter().collect(),
        Some(_) if input.marker.is_some() || input.max_items.is_some() => {
            return Err(faults::invalid_input("Marker and MaxItems cannot be specified together with Tld."));
        }
        Some(name) => {
            let name = name.trim_start_matches('.').to_ascii_lowercase();
            vec![tld::find(&name).ok_or_else(faults::unsupported_tld)?]
        }
    };
    let (tlds, next_page_marker) =
        page::cut(tlds, input.max_items, input.marker.as_deref(), |tld| tld.name.to_owned())?;
    Ok(ListPricesResponse { prices: Some(tlds.into_iter().map(price).collect()), next_page_marker })
}

fn price(tld: &Tld) -> DomainPrice {
    DomainPrice {
        name: Some(tld.name.to_owned()),
        registration_price: Some(dollars(tld.register)),
        transfer_price: Some(dollars(tld.transfer)),
        renewal_price: Some(dollars(tld.renew)),
        change_ownership_price: Some(dollars(tld.change_owner)),
        restoration_price: Some(dollars(tld.restore)),
    }
}
