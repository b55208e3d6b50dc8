//! Transfers between accounts: one offers, the other accepts with the password that the first was told.
//! [Transferring a domain to a different account](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/domain-transfer-between-aws-accounts.html)
//!
//! The hosted zone stays where it is, and names go on being resolved.

use enishi_api::route53domains::{
    AcceptDomainTransferFromAnotherAwsAccountRequest, AcceptDomainTransferFromAnotherAwsAccountResponse,
    CancelDomainTransferToAnotherAwsAccountRequest, CancelDomainTransferToAnotherAwsAccountResponse,
    RejectDomainTransferFromAnotherAwsAccountRequest, RejectDomainTransferFromAnotherAwsAccountResponse,
    TransferDomainToAnotherAwsAccountRequest, TransferDomainToAnotherAwsAccountResponse, ops,
};
use enishi_state::route53domains::{AccountTransfer, Domain, DomainId, OperationKind, OperationStatus, Work};
use enishi_state::{AccountId, Row, Tx};
use enishi_wire::Fault;

use super::date::DAY;
use super::name::DomainName;
use super::{faults, operation, own, registration};
use crate::registry::Registry;

/// How long the other account may take.
const DEADLINE_SECONDS: i64 = 3 * DAY;

/// Characters of a password.
const PASSWORD_LENGTH: usize = 14;

/// What passwords are made of: nothing that a shell or a reader could mistake.
const PASSWORD_LETTERS: &[u8; 64] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+-_.:@%";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::TransferDomainToAnotherAwsAccount>(transfer_domain_to_another_aws_account);
    on.write::<ops::AcceptDomainTransferFromAnotherAwsAccount>(
        accept_domain_transfer_from_another_aws_account,
    );
    on.write::<ops::RejectDomainTransferFromAnotherAwsAccount>(
        reject_domain_transfer_from_another_aws_account,
    );
    on.write::<ops::CancelDomainTransferToAnotherAwsAccount>(cancel_domain_transfer_to_another_aws_account);
}

fn transfer_domain_to_another_aws_account(
    tx: &mut Tx<'_>,
    input: TransferDomainToAnotherAwsAccountRequest,
) -> Result<TransferDomainToAnotherAwsAccountResponse, Fault> {
    let row = own(tx.world(), tx.caller(), &input.domain_name)?.0.clone();
    let id = row.id();
    let to = AccountId::new(&input.account_id)
        .ok_or_else(|| faults::invalid_input(format!("{} is not an account ID.", input.account_id)))?;
    if to == row.account {
        return Err(faults::invalid_input(format!("{id} is in the account {to} already.")));
    }
    if let Some(transfer) = &row.transfer {
        return Err(faults::duplicate_request(&id, &transfer.operation));
    }
    let password = password(tx);
    let status = OperationStatus::AwaitsAcceptance;
    let operation = operation::put(tx, id, OperationKind::TransferOut, status, None);
    let deadline = tx.now().plus_seconds(DEADLINE_SECONDS);
    let transfer = AccountTransfer { to, password: password.clone(), operation: operation.clone(), deadline };
    tx.put(Domain { transfer: Some(transfer), ..row });
    Ok(TransferDomainToAnotherAwsAccountResponse {
        operation_id: Some(operation.to_string()),
        password: Some(password),
    })
}

fn password(tx: &mut Tx<'_>) -> String {
    let mut random = [0u8; PASSWORD_LENGTH];
    tx.entropy().fill(&mut random);
    let letter = |byte: &u8| PASSWORD_LETTERS.get(usize::from(*byte % 64)).copied().map(char::from);
    random.iter().filter_map(letter).collect()
}

/// The domain of that name that is offered to the caller.
///
/// # Errors
/// `InvalidInput`; who is not offered a domain does not learn whether it is offered to another.
fn offered(tx: &Tx<'_>, name: &str) -> Result<(Domain, AccountTransfer), Fault> {
    let name = DomainName::parse(name)?;
    let caller = &tx.caller().scope.account;
    let row = tx.world().get::<Domain>(&Domain::key(&name.name));
    let found = row.and_then(|row| {
        let transfer = row.transfer.clone().filter(|transfer| transfer.to == *caller)?;
        Some((row.clone(), transfer))
    });
    found.ok_or_else(|| {
        faults::invalid_input(format!("No transfer of {} to account {caller} is pending.", name.text()))
    })
}

fn accept_domain_transfer_from_another_aws_account(
    tx: &mut Tx<'_>,
    input: AcceptDomainTransferFromAnotherAwsAccountRequest,
) -> Result<AcceptDomainTransferFromAnotherAwsAccountResponse, Fault> {
    let (row, transfer) = offered(tx, &input.domain_name)?;
    if input.password != transfer.password {
        return Err(faults::invalid_input("The password for the domain transfer is invalid."));
    }
    registration::check_limit(tx)?;
    let operation = operation::submit(tx, row.id(), OperationKind::TransferIn, Work::TakeOver)?;
    Ok(AcceptDomainTransferFromAnotherAwsAccountResponse { operation_id: Some(operation) })
}

fn reject_domain_transfer_from_another_aws_account(
    tx: &mut Tx<'_>,
    input: RejectDomainTransferFromAnotherAwsAccountRequest,
) -> Result<RejectDomainTransferFromAnotherAwsAccountResponse, Fault> {
    let (row, transfer) = offered(tx, &input.domain_name)?;
    withdraw(tx, &row.id(), "rejected")?;
    Ok(RejectDomainTransferFromAnotherAwsAccountResponse {
        operation_id: Some(transfer.operation.to_string()),
    })
}

fn cancel_domain_transfer_to_another_aws_account(
    tx: &mut Tx<'_>,
    input: CancelDomainTransferToAnotherAwsAccountRequest,
) -> Result<CancelDomainTransferToAnotherAwsAccountResponse, Fault> {
    let row = own(tx.world(), tx.caller(), &input.domain_name)?.0.clone();
    let id = row.id();
    let transfer =
        row.transfer.ok_or_else(|| faults::invalid_input(format!("No transfer of {id} is pending.")))?;
    withdraw(tx, &id, "cancelled")?;
    Ok(CancelDomainTransferToAnotherAwsAccountResponse { operation_id: Some(transfer.operation.to_string()) })
}

/// Ends an offer; the domain stays where it is.
///
/// # Errors
/// `DuplicateRequest` when it has just been accepted.
pub(super) fn withdraw(tx: &mut Tx<'_>, id: &DomainId, how: &str) -> Result<(), Fault> {
    let Some(row) = tx.world().get::<Domain>(id).cloned() else { return Ok(()) };
    let Some(transfer) = &row.transfer else { return Ok(()) };
    if let Some(accepted) = operation::running(tx.world(), id, OperationKind::TransferIn) {
        return Err(faults::duplicate_request(id, &accepted.id));
    }
    let message = format!("Domain Transfer from Aws Account {} has been {how}.", row.account);
    operation::advance(tx, &transfer.operation, OperationStatus::Failed, Some(message));
    tx.put(Domain { transfer: None, ..row });
    Ok(())
}

/// The domain changes hands.
pub(super) fn take_over(tx: &mut Tx<'_>, row: Domain, to: AccountId) {
    let id = row.id();
    if let Some(transfer) = &row.transfer {
        operation::advance(tx, &transfer.operation, OperationStatus::Successful, None);
    }
    super::tag::remove_all(tx, &id);
    let updated = tx.now();
    tx.put(Domain { account: to, transfer: None, updated, ..row });
}
