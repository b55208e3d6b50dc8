//! `GetConsoleOutput`: what the instance's first process and boot scripts wrote, which the daemon supplies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use enishi_api::ec2::{GetConsoleOutputRequest, GetConsoleOutputResult, ops};
use enishi_state::Read;
use enishi_state::ec2::Instance;
use enishi_wire::{Fault, Timestamp};

use super::super::ids;
use crate::outside::{Supply, Want};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read_with::<ops::GetConsoleOutput>(want, get_console_output);
}

fn want(input: GetConsoleOutputRequest) -> Option<Want> {
    ids::parse::<Instance>(&input.instance_id).ok().map(Want::Console)
}

fn get_console_output(
    read: &Read<'_>,
    input: GetConsoleOutputRequest,
    supply: &Supply,
) -> Result<GetConsoleOutputResult, Fault> {
    let row = ids::find::<Instance>(read.world, &read.caller.scope, &input.instance_id)?;
    let written = supply.console.as_ref().map_or(row.launched, |console| console.written);
    Ok(GetConsoleOutputResult {
        instance_id: Some(row.id.to_string()),
        timestamp: Some(Timestamp::from_millis(written.0)),
        output: supply.console.as_ref().map(|console| STANDARD.encode(&console.output)),
    })
}
