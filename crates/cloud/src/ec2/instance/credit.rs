//! CPU credits of burstable instances: kept and shown; nothing is throttled.
//! [Burstable performance instances](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html)

use enishi_api::ec2::{
    CreditSpecificationRequest, DescribeInstanceCreditSpecificationsRequest,
    DescribeInstanceCreditSpecificationsResult, InstanceCreditSpecification,
    InstanceCreditSpecificationRequest, ModifyInstanceCreditSpecificationRequest,
    ModifyInstanceCreditSpecificationResult, SuccessfulInstanceCreditSpecificationItem,
    UnsuccessfulInstanceCreditSpecificationItem, UnsuccessfulInstanceCreditSpecificationItemError, ops,
};
use enishi_state::ec2::{Instance, InstanceState};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::describe::describe;
use super::super::filter::{Field, field};
use super::super::instance_type::table;
use super::super::page::{self, Page};
use super::super::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeInstanceCreditSpecifications>(describe_instance_credit_specifications);
    on.stored_write::<ops::ModifyInstanceCreditSpecification>(modify_instance_credit_specification);
}

/// The credits of a launch: what is asked for, else `standard` for T2 and `unlimited` for later families; none for a
/// type that is not burstable, for which AWS ignores the parameter.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn requested(
    instance_type: &str,
    request: Option<&CreditSpecificationRequest>,
) -> Result<Option<String>, Fault> {
    if let Some(request) = request {
        check(&request.cpu_credits)?;
    }
    let burstable = table::find(instance_type).is_some_and(|found| found.family.burstable);
    let by_default = if instance_type.starts_with("t2.") { "standard" } else { "unlimited" };
    let credits = request.map_or(by_default, |request| &request.cpu_credits);
    Ok(burstable.then(|| credits.to_owned()))
}

fn check(credits: &str) -> Result<(), Fault> {
    match credits {
        "standard" | "unlimited" => Ok(()),
        other => Err(faults::invalid_enum(other, "CpuCredits")),
    }
}

const FILTERS: &[Field<Instance>] = &[field("instance-id", |_, row, values| values.add(&row.id))];

fn describe_instance_credit_specifications(
    read: &Read<'_>,
    input: DescribeInstanceCreditSpecificationsRequest,
) -> Result<DescribeInstanceCreditSpecificationsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let named = !input.instance_ids.is_empty();
    let (rows, next_token) = describe(read, &input.instance_ids, input.filters, FILTERS, &page)?;
    // Without ids AWS lists the instances that are `unlimited`.
    let listed = rows.into_iter().filter(|row| match named {
        true => row.cpu_credits.is_some(),
        false => row.cpu_credits.as_deref() == Some("unlimited") && row.state != InstanceState::Terminated,
    });
    let shape = |row: &Instance| InstanceCreditSpecification {
        instance_id: Some(row.id.to_string()),
        cpu_credits: row.cpu_credits.clone(),
    };
    let instance_credit_specifications = Some(listed.map(shape).collect());
    Ok(DescribeInstanceCreditSpecificationsResult { instance_credit_specifications, next_token })
}

fn modify_instance_credit_specification(
    tx: &mut Tx<'_>,
    input: ModifyInstanceCreditSpecificationRequest,
) -> Result<ModifyInstanceCreditSpecificationResult, Fault> {
    let mut successful = Vec::new();
    let mut unsuccessful = Vec::new();
    for request in input.instance_credit_specifications {
        let id = request.instance_id.clone();
        match modify(tx, request) {
            Ok(()) => successful.push(SuccessfulInstanceCreditSpecificationItem { instance_id: Some(id) }),
            Err(fault) => {
                let error = UnsuccessfulInstanceCreditSpecificationItemError {
                    code: Some(fault.code().to_owned()),
                    message: Some(fault.message().to_owned()),
                };
                let item =
                    UnsuccessfulInstanceCreditSpecificationItem { instance_id: Some(id), error: Some(error) };
                unsuccessful.push(item);
            }
        }
    }
    Ok(ModifyInstanceCreditSpecificationResult {
        successful_instance_credit_specifications: Some(successful),
        unsuccessful_instance_credit_specifications: Some(unsuccessful),
    })
}

/// Changes one instance. The codes are those of AWS's item errors.
fn modify(tx: &mut Tx<'_>, request: InstanceCreditSpecificationRequest) -> Result<(), Fault> {
    let credits = request.cpu_credits.ok_or_else(|| faults::missing_parameter("CpuCredits"))?;
    check(&credits)?;
    let id = request.instance_id;
    let row = ids::find::<Instance>(tx.world(), &tx.caller().scope, &id)?;
    if row.cpu_credits.is_none() {
        return Err(Fault::new(
            "InstanceCreditSpecification.NotSupported",
            format!("The instance '{id}' does not support CPU credits."),
        ));
    }
    if matches!(row.state, InstanceState::ShuttingDown | InstanceState::Terminated) {
        return Err(faults::incorrect_instance_state(format!(
            "The instance '{id}' is not in a valid state."
        )));
    }
    let id = row.id.clone();
    tx.modify::<Instance>(&id, |row| row.cpu_credits = Some(credits));
    Ok(())
}
