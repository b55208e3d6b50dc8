//! `TestMetricFilter`: which messages a pattern matches.
//! [API_TestMetricFilter](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html)

use enishi_api::logs::{MetricFilterMatchRecord, TestMetricFilterRequest, TestMetricFilterResponse, ops};
use enishi_state::Read;
use enishi_wire::Fault;

use super::faults;
use super::pattern::Pattern;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::TestMetricFilter>(test_metric_filter);
}

fn test_metric_filter(
    _: &Read<'_>,
    input: TestMetricFilterRequest,
) -> Result<TestMetricFilterResponse, Fault> {
    let pattern = Pattern::parse(&input.filter_pattern);
    let pattern = pattern.map_err(|error| faults::invalid_parameter(error.to_string()))?;
    let messages = (1_i64..).zip(&input.log_event_messages);
    let matches = messages.filter_map(|(number, message)| {
        Some(MetricFilterMatchRecord {
            event_number: Some(number),
            event_message: Some(message.clone()),
            extracted_values: Some(pattern.extract(message)?),
        })
    });
    Ok(TestMetricFilterResponse { matches: Some(matches.collect()) })
}
