//! `RequestCertificate`. [Request public certificates](https://docs.aws.amazon.com/acm/latest/userguide/acm-public-certificates.html)
//!
//! What AWS promises: a request with the idempotency token of another within an hour is the same request. Here it also has to
//! be for the same domains, as AWS does not say what it is else. The records that prove domains are the same for all
//! certificates of an account.

use aws_lc_rs::digest::{SHA256, digest};
use enishi_api::acm::{
    CertificateOptions, DomainValidationOption, RequestCertificateRequest, RequestCertificateResponse, ops,
};
use enishi_state::acm::{
    Certificate, CertificateState, DomainValidation, KeyAlgorithm, Origin, PrivateKey, VALIDATION_DOMAIN,
};
use enishi_state::{AccountId, Scope, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::tag::NewTags;
use super::{faults, fresh_arn, pem, text};
use crate::outside::{KeyKind, Supply, Want};
use crate::quota;
use crate::registry::Registry;

/// How long an idempotency token counts.
const TOKEN_SECONDS: i64 = 3600;

/// Octets of a certificate's common name. RFC 5280, appendix A.1.
const COMMON_NAME: usize = 64;

/// The pattern of a domain in AWS's model, for messages.
const DOMAIN_PATTERN: &str =
    r"(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])";

pub(super) fn register(on: &mut Registry) {
    on.write_with::<ops::RequestCertificate>(want, request_certificate);
}

fn want(input: RequestCertificateRequest) -> Option<Want> {
    let kind = match key_algorithm(input.key_algorithm.as_deref()).ok()? {
        KeyAlgorithm::EcPrime256v1 => KeyKind::EcP256,
        KeyAlgorithm::EcSecp384r1 => KeyKind::EcP384,
        _ => KeyKind::Rsa2048,
    };
    Some(Want::PrivateKey(kind))
}

fn request_certificate(
    tx: &mut Tx<'_>,
    input: RequestCertificateRequest,
    supply: &Supply,
) -> Result<RequestCertificateResponse, Fault> {
    refuse_what_is_missing(&input)?;
    let tags = NewTags::parse(input.tags.unwrap_or_default())?;
    let key_algorithm = key_algorithm(input.key_algorithm.as_deref())?;
    let names = names(&input.domain_name, &input.subject_alternative_names.unwrap_or_default())?;
    check_options(&names, &input.domain_validation_options.unwrap_or_default())?;
    check_token(input.idempotency_token.as_deref())?;
    let scope = tx.caller().scope.clone();
    if let Some(same) = same_request(tx.world(), &scope, input.idempotency_token.as_deref(), &names, tx.now())
    {
        return Ok(RequestCertificateResponse { certificate_arn: text(&same.arn) });
    }
    check_quotas(tx.world(), &scope, names.len())?;
    let key = supply.private_key.as_deref().ok_or_else(|| Fault::internal("no key could be made"))?;
    let validations = names.iter().map(|name| validation(&scope.account, name)).collect();
    let row = Certificate {
        arn: fresh_arn(tx),
        scope,
        names,
        origin: Origin::Requested { token: input.idempotency_token, validations },
        key_algorithm,
        private_key: PrivateKey::new(pem::write("PRIVATE KEY", key)),
        state: CertificateState::PendingValidation,
        material: None,
        transparency_logging: transparency_logging(input.options.as_ref()).unwrap_or(true),
        created: tx.now(),
        renewed: None,
    };
    tags.attach(tx, row.arn.as_str());
    let arn = text(&row.arn);
    tx.put(row);
    Ok(RequestCertificateResponse { certificate_arn: arn })
}

fn refuse_what_is_missing(input: &RequestCertificateRequest) -> Result<(), Fault> {
    if input.certificate_authority_arn.is_some() {
        return Err(faults::not_supported("A private certificate authority"));
    }
    if input.managed_by.is_some() {
        return Err(faults::not_supported("A certificate that another service manages"));
    }
    if input.options.as_ref().and_then(|options| options.export.as_deref()) == Some("ENABLED") {
        return Err(faults::not_supported("An exportable certificate"));
    }
    let by_option = input.options.as_ref().and_then(|options| options.validation_method.as_deref());
    match input.validation_method.as_deref().or(by_option) {
        Some("DNS") => Ok(()),
        Some(other) => Err(faults::not_supported(format!("The validation method {other}"))),
        None => Err(faults::not_supported(
            "The validation method EMAIL, which a request without ValidationMethod asks for,",
        )),
    }
}

/// Whether a request wants its certificate to be in a log; nothing if it does not say.
pub(super) fn transparency_logging(options: Option<&CertificateOptions>) -> Option<bool> {
    let preference = options?.certificate_transparency_logging_preference.as_deref()?;
    Some(preference == "ENABLED")
}

fn key_algorithm(name: Option<&str>) -> Result<KeyAlgorithm, Fault> {
    match name {
        None | Some("RSA_2048") => Ok(KeyAlgorithm::Rsa2048),
        Some("EC_prime256v1") => Ok(KeyAlgorithm::EcPrime256v1),
        Some("EC_secp384r1") => Ok(KeyAlgorithm::EcSecp384r1),
        Some(other) => Err(faults::invalid_parameter(format!(
            "The key algorithm {other} is not supported for certificates that are requested."
        ))),
    }
}

/// All names, the first first, each once, in lower case.
fn names(first: &str, others: &[String]) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::new();
    for (at, name) in [first].into_iter().chain(others.iter().map(String::as_str)).enumerate() {
        if !is_domain(name) {
            let member = match at {
                0 => "domainName".to_owned(),
                _ => format!("subjectAlternativeNames.{at}.member"),
            };
            return Err(faults::constraint(name, &member, DOMAIN_PATTERN));
        }
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if first.len() > COMMON_NAME {
        return Err(faults::invalid_parameter(format!(
            "The first domain name can have at most {COMMON_NAME} characters; longer ones can be subject alternative names."
        )));
    }
    Ok(names)
}

fn is_domain(name: &str) -> bool {
    let labels: Vec<&str> = name.strip_prefix("*.").unwrap_or(name).split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(is_label)
        && labels.last().is_some_and(|last| last.len() >= 2)
}

/// Mail goes to the validation domain, which has to be the domain itself or a parent; DNS validation has no use for it.
fn check_options(names: &[String], options: &[DomainValidationOption]) -> Result<(), Fault> {
    for option in options {
        let (domain, validation) =
            (option.domain_name.to_ascii_lowercase(), option.validation_domain.to_ascii_lowercase());
        if !names.contains(&domain) {
            return Err(faults::invalid_domain_validation_options(format!(
                "The domain {domain} is not one that the certificate is requested for."
            )));
        }
        let is_parent =
            domain.strip_suffix(&validation).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if !is_parent {
            return Err(faults::invalid_domain_validation_options(format!(
                "The validation domain {validation} is neither {domain} nor a parent of it."
            )));
        }
    }
    Ok(())
}

fn check_token(token: Option<&str>) -> Result<(), Fault> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match token {
        Some(token) if !token.bytes().all(is_word) => {
            Err(faults::constraint(token, "idempotencyToken", r"\w+"))
        }
        _ => Ok(()),
    }
}

fn same_request<'w>(
    world: &'w World,
    scope: &Scope,
    token: Option<&str>,
    names: &[String],
    now: Timestamp,
) -> Option<&'w Certificate> {
    let rows = world.by::<Certificate>("token", &format!("{scope}/{}", token?));
    let mut rows = rows.filter(|row| now < row.created.plus_seconds(TOKEN_SECONDS));
    rows.find(|row| row.names == names)
}

fn check_quotas(world: &World, scope: &Scope, names: usize) -> Result<(), Fault> {
    if names > quota::DOMAINS_PER_CERTIFICATE.applied(world, scope) {
        return Err(faults::too_many_domains());
    }
    let rows = world.by::<Certificate>("scope", &scope.to_string());
    let requested = rows.filter(|row| row.origin != Origin::Imported).count();
    match quota::CERTIFICATES.reached(world, scope, requested) {
        true => Err(faults::too_many_certificates()),
        false => Ok(()),
    }
}

/// The record that proves that a domain is the account's.
fn validation(account: &AccountId, domain: &str) -> DomainValidation {
    let base = domain.strip_prefix("*.").unwrap_or(domain);
    let label = |what: &str| {
        let hash = digest(&SHA256, format!("{what}\n{account}\n{base}").as_bytes());
        hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    DomainValidation {
        domain: domain.to_owned(),
        record_name: format!("_{}.{base}.", label("name")),
        record_value: format!("_{}.{VALIDATION_DOMAIN}.", label("value")),
        is_proven: false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_domain;

    #[test]
    fn domains_have_a_form() {
        for good in ["example.com", "*.example.com", "a-b.x1.example.co.uk", "xn--bcher-kva.example"] {
            assert!(is_domain(good), "{good}");
        }
        for bad in
            ["", "com", "*.com.", "*", "a..b", "-a.com", "a-.com", "a_b.com", "x.c", "*.*.com", "a b.com"]
        {
            assert!(!is_domain(bad), "{bad}");
        }
        assert!(!is_domain(&format!("{}.com", "a".repeat(64))));
    }
}
