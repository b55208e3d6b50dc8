//! `UpdateCertificateOptions`.
//! [API_UpdateCertificateOptions](https://docs.aws.amazon.com/acm/latest/APIReference/API_UpdateCertificateOptions.html)

use enishi_api::acm::{UpdateCertificateOptionsRequest, ops};
use enishi_state::Tx;
use enishi_state::acm::{Certificate, Origin};
use enishi_wire::Fault;

use super::request_certificate::transparency_logging;
use super::{faults, find};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::UpdateCertificateOptions>(update_certificate_options);
}

fn update_certificate_options(tx: &mut Tx<'_>, input: UpdateCertificateOptionsRequest) -> Result<(), Fault> {
    let row = find(tx.world(), &tx.caller().scope, &input.certificate_arn)?;
    if input.options.export.as_deref() == Some("ENABLED") {
        return Err(faults::validation("An exportable certificate is not supported by Enishi."));
    }
    if input.options.validation_method.as_deref().is_some_and(|method| method != "DNS") {
        return Err(faults::validation("A validation method other than DNS is not supported by Enishi."));
    }
    if row.origin == Origin::Imported || !row.state.is_issued() {
        return Err(faults::invalid_state(format!(
            "The options of certificate {} cannot be updated: it was not issued by ACM.",
            row.arn
        )));
    }
    let arn = row.arn.clone();
    if let Some(logging) = transparency_logging(Some(&input.options)) {
        tx.modify::<Certificate>(&arn, |row| row.transparency_logging = logging);
    }
    Ok(())
}
