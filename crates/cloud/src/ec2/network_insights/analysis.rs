//! Analyses. One is over when the call that starts it answers.
//! [StartNetworkInsightsAnalysis](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StartNetworkInsightsAnalysis.html)

use enishi_api::ec2::{
    self, DeleteNetworkInsightsAnalysisRequest, DeleteNetworkInsightsAnalysisResult,
    DescribeNetworkInsightsAnalysesRequest, DescribeNetworkInsightsAnalysesResult,
    StartNetworkInsightsAnalysisRequest, StartNetworkInsightsAnalysisResult, ops,
};
use enishi_state::ec2::{
    NetworkInsightsAnalysis, NetworkInsightsAnalysisId, NetworkInsightsPath, PathExplanation, PathHop,
};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::{render, search};
use crate::ec2::describe::describe_where;
use crate::ec2::filter::{Field, field};
use crate::ec2::ids::{self, Resource};
use crate::ec2::page::Page;
use crate::ec2::tag::{self, NewTags};
use crate::ec2::{client_token, faults};
use crate::registry::Registry;

/// [Quotas](https://docs.aws.amazon.com/vpc/latest/reachability/reachability-analyzer-limits.html)
const ANALYSES: usize = 10_000;

const FILTERS: &[Field<NetworkInsightsAnalysis>] = &[
    field("path-found", |_, row, values| values.add(row.explanations.is_empty())),
    field("status", |_, _, values| values.add("succeeded")),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::StartNetworkInsightsAnalysis>(start_network_insights_analysis);
    on.write::<ops::DeleteNetworkInsightsAnalysis>(delete_network_insights_analysis);
    on.read::<ops::DescribeNetworkInsightsAnalyses>(describe_network_insights_analyses);
}

fn start_network_insights_analysis(
    tx: &mut Tx<'_>,
    input: StartNetworkInsightsAnalysisRequest,
) -> Result<StartNetworkInsightsAnalysisResult, Fault> {
    let token = input.client_token.clone();
    let made = client_token::once(tx, "StartNetworkInsightsAnalysis", Some(&token), &input, |tx| {
        let tags = NewTags::parse(input.tag_specifications.clone(), &[NetworkInsightsAnalysis::KIND])?;
        if !input.additional_accounts.is_empty() {
            return Err(faults::not_supported("A path through other accounts"));
        }
        if !input.filter_out_arns.is_empty() {
            return Err(faults::not_supported("A path that avoids a component"));
        }
        let scope = tx.caller().scope.clone();
        let path =
            ids::find::<NetworkInsightsPath>(tx.world(), &scope, &input.network_insights_path_id)?.clone();
        if ids::in_scope::<NetworkInsightsAnalysis>(tx.world(), &scope).count() >= ANALYSES {
            return Err(faults::network_insights_analysis_limit_exceeded());
        }
        let mut row = NetworkInsightsAnalysis {
            id: NetworkInsightsAnalysisId::generate(tx.entropy()),
            scope,
            path: path.id.clone(),
            filter_in: input.filter_in_arns.clone(),
            started: tx.now(),
            forward: Vec::new(),
            back: Vec::new(),
            explanations: Vec::new(),
        };
        let found = search::search(tx.world(), &path);
        (row.forward, row.back, row.explanations) = (found.forward, found.back, found.explanations);
        require(tx.world(), &mut row);
        let id = row.id.to_string();
        tx.put(row);
        tags.attach(tx, NetworkInsightsAnalysis::KIND, &id);
        Ok(vec![id])
    })?;
    let id = made.first().map(String::as_str).unwrap_or_default();
    let row = ids::find::<NetworkInsightsAnalysis>(tx.world(), &tx.caller().scope, id)?;
    Ok(StartNetworkInsightsAnalysisResult {
        network_insights_analysis: Some(render::started(tx.world(), row)),
    })
}

/// "There is no path that traverses the specified component."
fn require(world: &World, row: &mut NetworkInsightsAnalysis) {
    let arn =
        |hop: &PathHop| render::component(world, &row.scope, &hop.component).and_then(|found| found.arn);
    let way: Vec<String> = row.forward.iter().filter_map(arn).collect();
    let missed = row.filter_in.iter().find(|arn| !way.contains(arn));
    let Some(missed) = missed.filter(|_| row.explanations.is_empty()) else { return };
    let component = missed.rsplit_once('/').map_or(missed.as_str(), |(_, id)| id).to_owned();
    row.explanations.push(PathExplanation {
        code: "COMPONENT_FILTER_RESTRICTION".to_owned(),
        components: vec![component],
        ..Default::default()
    });
    row.forward.clear();
    row.back.clear();
}

fn delete_network_insights_analysis(
    tx: &mut Tx<'_>,
    input: DeleteNetworkInsightsAnalysisRequest,
) -> Result<DeleteNetworkInsightsAnalysisResult, Fault> {
    let id = &input.network_insights_analysis_id;
    let id = ids::find::<NetworkInsightsAnalysis>(tx.world(), &tx.caller().scope, id)?.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<NetworkInsightsAnalysis>(&id);
    Ok(DeleteNetworkInsightsAnalysisResult { network_insights_analysis_id: Some(id.to_string()) })
}

fn describe_network_insights_analyses(
    read: &Read<'_>,
    input: DescribeNetworkInsightsAnalysesRequest,
) -> Result<DescribeNetworkInsightsAnalysesResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 1..=100)?;
    let scope = &read.caller.scope;
    let path = input.network_insights_path_id.as_deref();
    let path = path.map(|id| ids::find::<NetworkInsightsPath>(read.world, scope, id)).transpose()?;
    let (from, to) = (input.analysis_start_time, input.analysis_end_time);
    let is_meant = |row: &NetworkInsightsAnalysis| {
        path.is_none_or(|path| row.path == path.id)
            && from.is_none_or(|from| from.as_millis() <= row.started.0)
            && to.is_none_or(|to| row.started.0 <= to.as_millis())
    };
    let asked = &input.network_insights_analysis_ids;
    let (rows, next_token) = describe_where(read, asked, input.filters, FILTERS, &page, is_meant)?;
    let analyses: Vec<ec2::NetworkInsightsAnalysis> =
        rows.into_iter().map(|row| render::analysis(read.world, row)).collect();
    Ok(DescribeNetworkInsightsAnalysesResult { network_insights_analyses: Some(analyses), next_token })
}
