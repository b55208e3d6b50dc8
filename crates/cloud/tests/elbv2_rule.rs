//! Rules of listeners: conditions, priorities, transforms, the default rule.

mod balancing;
mod harness;
mod lab;

use balancing::{Balancing, forward, target};
use enishi_api::elbv2::{
    AddTagsInput, CreateRuleInput, DeleteRuleInput, DescribeRulesInput, DescribeTagsInput,
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig, ModifyRuleInput,
    PathPatternConditionConfig, QueryStringConditionConfig, QueryStringKeyValuePair, RewriteConfig, Rule,
    RuleCondition, RulePriorityPair, RuleTransform, SetRulePrioritiesInput, SourceIpConditionConfig, Tag,
    UrlRewriteConfig, ops,
};
use enishi_state::elbv2::TargetHealth;
use harness::text;

fn listed(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

fn paths(values: &[&str]) -> RuleCondition {
    RuleCondition { field: text("path-pattern"), values: listed(values), ..Default::default() }
}

fn methods(values: &[&str]) -> RuleCondition {
    let config = HttpRequestMethodConditionConfig { values: listed(values) };
    RuleCondition {
        field: text("http-request-method"),
        http_request_method_config: Some(config),
        ..Default::default()
    }
}

fn header(name: &str, values: &[&str]) -> RuleCondition {
    let config = HttpHeaderConditionConfig {
        http_header_name: text(name),
        values: listed(values),
        regex_values: None,
    };
    RuleCondition { field: text("http-header"), http_header_config: Some(config), ..Default::default() }
}

fn query(key: Option<&str>, value: &str) -> RuleCondition {
    let pair = QueryStringKeyValuePair { key: key.map(str::to_owned), value: text(value) };
    let config = QueryStringConditionConfig { values: Some(vec![pair]) };
    RuleCondition { field: text("query-string"), query_string_config: Some(config), ..Default::default() }
}

fn source(values: &[&str]) -> RuleCondition {
    let config = SourceIpConditionConfig { values: listed(values), ip_address_type: None };
    RuleCondition { field: text("source-ip"), source_ip_config: Some(config), ..Default::default() }
}

/// A listener that forwards to a group, and another group.
struct Ruled {
    b: Balancing,
    listener: String,
    default: String,
    other: String,
}

impl Ruled {
    fn new() -> Self {
        let mut b = Balancing::new();
        let input = b.application("web");
        let balancer = b.active(input);
        let default = b.target_group("default", "HTTP");
        let other = b.target_group("other", "HTTP");
        let listener = b.listen(&balancer, "HTTP", 80, &default);
        Ruled { b, listener, default, other }
    }

    fn rule(&self, priority: i32, conditions: Vec<RuleCondition>) -> CreateRuleInput {
        CreateRuleInput {
            listener_arn: self.listener.clone(),
            conditions,
            priority,
            actions: forward(&self.other),
            ..Default::default()
        }
    }

    #[track_caller]
    fn create(&mut self, priority: i32, conditions: Vec<RuleCondition>) -> Rule {
        let input = self.rule(priority, conditions);
        self.b.lab.h.ok::<ops::CreateRule>(input).rules.unwrap().remove(0)
    }

    #[track_caller]
    fn all(&mut self) -> Vec<Rule> {
        let input = DescribeRulesInput { listener_arn: text(&self.listener), ..Default::default() };
        self.b.lab.h.ok::<ops::DescribeRules>(input).rules.unwrap()
    }

    fn priorities(&mut self) -> Vec<String> {
        self.all().into_iter().map(|rule| rule.priority.unwrap()).collect()
    }
}

#[test]
fn rules_are_listed_in_the_order_in_which_they_are_tried() {
    let mut r = Ruled::new();
    let late = r.create(200, vec![paths(&["/b/*"])]);
    let early = r.create(10, vec![paths(&["/a/*"])]);
    assert!(
        late.rule_arn.as_ref().unwrap().starts_with(&r.listener.replace(":listener/", ":listener-rule/"))
    );
    assert_eq!(late.is_default, Some(false));
    assert_eq!(r.priorities(), ["10", "200", "default"]);
    let default = r.all().pop().unwrap();
    assert_eq!((default.is_default, default.conditions), (Some(true), Some(vec![])));
    assert_eq!(default.actions.unwrap()[0].target_group_arn.as_ref(), Some(&r.default));
    let again = r.all().pop().unwrap();
    assert_eq!(again.rule_arn, default.rule_arn);

    let taken = r.rule(10, vec![paths(&["/c"])]);
    r.b.lab.h.message::<ops::CreateRule>(taken, "PriorityInUse", "Priority '10' is currently in use");
    let pair =
        |arn: &Option<String>, priority| RulePriorityPair { rule_arn: arn.clone(), priority: Some(priority) };
    let swap = SetRulePrioritiesInput {
        rule_priorities: vec![pair(&early.rule_arn, 200), pair(&late.rule_arn, 10)],
    };
    r.b.lab.h.ok::<ops::SetRulePriorities>(swap);
    assert_eq!(r.all()[0].rule_arn, late.rule_arn);
    let clash = SetRulePrioritiesInput { rule_priorities: vec![pair(&early.rule_arn, 10)] };
    r.b.lab.h.code::<ops::SetRulePriorities>(clash, "PriorityInUse");
    let fixed = SetRulePrioritiesInput { rule_priorities: vec![pair(&default.rule_arn, 1)] };
    r.b.lab.h.code::<ops::SetRulePriorities>(fixed, "OperationNotPermitted");

    let arn = default.rule_arn.unwrap();
    r.b.lab.h.message::<ops::DeleteRule>(
        DeleteRuleInput { rule_arn: arn.clone() },
        "OperationNotPermitted",
        &format!("Default rule '{arn}' cannot be deleted"),
    );
    let gone = early.rule_arn.unwrap();
    r.b.lab.h.ok::<ops::DeleteRule>(DeleteRuleInput { rule_arn: gone.clone() });
    let input = DeleteRuleInput { rule_arn: gone };
    r.b.lab.h.message::<ops::DeleteRule>(input, "RuleNotFound", "One or more rules not found");
    r.b.lab.h.code::<ops::DescribeRules>(Default::default(), "ValidationError");
}

#[test]
fn conditions_are_shown_as_they_were_made() {
    let mut r = Ruled::new();
    let made = r.create(1, vec![paths(&["/img/*"]), header("X-A", &["*b*"])]);
    let conditions = made.conditions.unwrap();
    assert_eq!(conditions[0].values, listed(&["/img/*"]));
    let config = conditions[0].path_pattern_config.as_ref().unwrap();
    assert_eq!(config.values, listed(&["/img/*"]));
    assert_eq!(conditions[1].http_header_config.as_ref().unwrap().http_header_name.as_deref(), Some("X-A"));
    let host = RuleCondition {
        field: text("host-header"),
        host_header_config: Some(HostHeaderConditionConfig {
            values: None,
            regex_values: listed(&["^a.*$"]),
        }),
        ..Default::default()
    };
    let made = r.create(2, vec![host, query(Some("v"), "1"), source(&["10.0.0.0/8"]), methods(&["GET"])]);
    let conditions = made.conditions.unwrap();
    assert_eq!(conditions[0].regex_values, listed(&["^a.*$"]));
    let pairs = conditions[1].query_string_config.clone().unwrap().values.unwrap();
    assert_eq!((pairs[0].key.as_deref(), pairs[0].value.as_deref()), (Some("v"), Some("1")));
    assert_eq!(conditions[2].source_ip_config.clone().unwrap().values, listed(&["10.0.0.0/8"]));
    assert_eq!(conditions[3].http_request_method_config.clone().unwrap().values, listed(&["GET"]));
}

#[test]
fn conditions_are_checked() {
    let mut r = Ruled::new();
    let both = RuleCondition {
        path_pattern_config: Some(PathPatternConditionConfig { values: listed(&["/b"]), regex_values: None }),
        ..paths(&["/a"])
    };
    let regex = RuleCondition { regex_values: listed(&["(a"]), values: None, ..paths(&[]) };
    let many = paths(&["/1", "/2", "/3", "/4", "/5", "/6"]);
    for (conditions, code) in [
        (vec![], "ValidationError"),
        (vec![paths(&[])], "ValidationError"),
        (vec![paths(&["/a b"])], "ValidationError"),
        (vec![both], "ValidationError"),
        (vec![regex], "ValidationError"),
        (vec![many], "ValidationError"),
        (vec![paths(&["/*/*/*/*"]), header("a", &["***"])], "ValidationError"),
        (vec![paths(&["/a"]), paths(&["/b"])], "InvalidConfigurationRequest"),
        (vec![methods(&["get"])], "ValidationError"),
        (vec![header("Host", &["a"])], "ValidationError"),
        (vec![header("a:", &["a"])], "ValidationError"),
        (vec![query(None, "")], "ValidationError"),
        (vec![source(&["10.0.0.0"])], "ValidationError"),
        (vec![source(&["::/0"])], "InvalidConfigurationRequest"),
        (vec![RuleCondition { field: text("cookie"), ..Default::default() }], "ValidationError"),
    ] {
        let input = r.rule(1, conditions);
        r.b.lab.h.code::<ops::CreateRule>(input, code);
    }
    let rest = r.rule(1, vec![paths(&["/1", "/2", "/3", "/4"]), header("a", &["b"])]);
    r.b.lab.h.ok::<ops::CreateRule>(rest);
    let input = r.b.network("net");
    let net = r.b.active(input);
    let tcp = r.b.target_group("tcp", "TCP");
    let listener = r.b.listen(&net, "TCP", 80, &tcp);
    let input = CreateRuleInput { listener_arn: listener, ..r.rule(2, vec![paths(&["/a"])]) };
    r.b.lab.h.code::<ops::CreateRule>(input, "UnsupportedProtocol");
}

#[test]
fn a_rule_is_modified_and_its_target_group_released() {
    let mut r = Ruled::new();
    let arn = r.create(1, vec![paths(&["/a"])]).rule_arn.unwrap();
    let instance = r.b.lab.running();
    let (other, default) = (r.other.clone(), r.default.clone());
    r.b.register(&other, vec![target(&instance)]);
    r.b.observe(&other, &instance, 80, TargetHealth::Healthy);
    let modify = |change: ModifyRuleInput| ModifyRuleInput { rule_arn: arn.clone(), ..change };
    let rewrite = |regex: &str| {
        let rewrites = vec![RewriteConfig { regex: regex.to_owned(), replace: "/$1".to_owned() }];
        RuleTransform {
            r#type: "url-rewrite".to_owned(),
            url_rewrite_config: Some(UrlRewriteConfig { rewrites: Some(rewrites) }),
            host_header_rewrite_config: None,
        }
    };
    let input =
        modify(ModifyRuleInput { transforms: Some(vec![rewrite("^/a/(.*)$")]), ..Default::default() });
    let changed = r.b.lab.h.ok::<ops::ModifyRule>(input).rules.unwrap().remove(0);
    assert_eq!(changed.transforms, Some(vec![rewrite("^/a/(.*)$")]));
    assert_eq!(changed.conditions.unwrap()[0].values, listed(&["/a"]));
    let bad = modify(ModifyRuleInput { transforms: Some(vec![rewrite("(")]), ..Default::default() });
    r.b.lab.h.code::<ops::ModifyRule>(bad, "ValidationError");
    let input = modify(ModifyRuleInput { reset_transforms: Some(true), ..Default::default() });
    let changed = r.b.lab.h.ok::<ops::ModifyRule>(input).rules.unwrap().remove(0);
    assert_eq!(changed.transforms, Some(vec![]));

    assert_eq!(r.b.states(&other)[0].0, "healthy");
    let input = modify(ModifyRuleInput { actions: Some(forward(&default)), ..Default::default() });
    r.b.lab.h.ok::<ops::ModifyRule>(input);
    assert_eq!(r.b.states(&other)[0], ("unused".to_owned(), "Target.NotInUse".to_owned()));

    let default_rule = r.all().pop().unwrap().rule_arn.unwrap();
    let input = ModifyRuleInput {
        rule_arn: default_rule.clone(),
        actions: Some(forward(&other)),
        ..Default::default()
    };
    let changed = r.b.lab.h.ok::<ops::ModifyRule>(input).rules.unwrap().remove(0);
    assert_eq!(changed.actions.unwrap()[0].target_group_arn.as_ref(), Some(&other));
    assert_eq!(r.b.states(&other)[0].1, "Elb.InitialHealthChecking");
    let input = ModifyRuleInput {
        rule_arn: default_rule.clone(),
        conditions: Some(vec![paths(&["/a"])]),
        ..Default::default()
    };
    r.b.lab.h.code::<ops::ModifyRule>(input, "OperationNotPermitted");

    let tags = vec![Tag { key: "a".to_owned(), value: text("b") }];
    let arns = vec![arn, default_rule];
    r.b.lab.h.ok::<ops::AddTags>(AddTagsInput { resource_arns: arns.clone(), tags: tags.clone() });
    let found = r.b.lab.h.ok::<ops::DescribeTags>(DescribeTagsInput { resource_arns: arns });
    assert!(found.tag_descriptions.unwrap().into_iter().all(|one| one.tags.as_ref() == Some(&tags)));
}

#[test]
fn rules_have_a_quota() {
    let mut r = Ruled::new();
    for priority in 1..=100 {
        r.create(priority, vec![paths(&["/a"])]);
    }
    let input = r.rule(101, vec![paths(&["/a"])]);
    r.b.lab.h.code::<ops::CreateRule>(input, "TooManyRules");
    let mut seen = 0;
    let mut marker = None;
    loop {
        let input = DescribeRulesInput {
            listener_arn: text(&r.listener),
            page_size: Some(30),
            marker,
            ..Default::default()
        };
        let page = r.b.lab.h.ok::<ops::DescribeRules>(input);
        seen += page.rules.unwrap().len();
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, 101);
}
