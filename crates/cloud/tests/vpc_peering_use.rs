//! What VPC peering connections are used for: routes, rules that refer to the other VPC's groups, names.

mod harness;
mod peering;

use enishi_api::ec2::{
    self, AuthorizeSecurityGroupIngressRequest, CreateRouteRequest, CreateSecurityGroupRequest,
    DeleteSecurityGroupRequest, DescribeRouteTablesRequest, DescribeSecurityGroupReferencesRequest,
    DescribeSecurityGroupsRequest, DescribeStaleSecurityGroupsRequest, IpPermission,
    ModifyVpcPeeringConnectionOptionsRequest, PeeringConnectionOptionsRequest,
    RevokeSecurityGroupIngressRequest, UserIdGroupPair, ops,
};
use harness::text;
use peering::{OTHER, OWN, Peering};

fn main_table(p: &mut Peering, vpc: &str) -> ec2::RouteTable {
    let filter = ec2::Filter { name: text("vpc-id"), values: vec![vpc.to_owned()] };
    let input = DescribeRouteTablesRequest { filters: vec![filter], ..Default::default() };
    p.h.ok::<ops::DescribeRouteTables>(input).route_tables.unwrap().remove(0)
}

#[test]
fn a_route_is_a_blackhole_unless_the_connection_is_active() {
    let mut p = Peering::new();
    let (own, other, third) = (p.vpc("10.0.0.0/16"), p.vpc("10.1.0.0/16"), p.vpc("10.2.0.0/16"));
    let id = p.request(&own, &other);
    let route = |p: &mut Peering, vpc: &str, to: &str, id: &str| CreateRouteRequest {
        route_table_id: main_table(p, vpc).route_table_id.unwrap(),
        destination_cidr_block: text(to),
        vpc_peering_connection_id: text(id),
        ..Default::default()
    };
    let input = route(&mut p, &own, "10.1.0.0/16", &id);
    p.h.ok::<ops::CreateRoute>(input);
    let state = |p: &mut Peering| {
        let routes = main_table(p, &own).routes.unwrap();
        let shown = routes.iter().find(|route| route.vpc_peering_connection_id == text(&id)).unwrap();
        assert_eq!((shown.origin.as_deref(), &shown.gateway_id), (Some("CreateRoute"), &None));
        shown.state.clone().unwrap()
    };
    assert_eq!(state(&mut p), "blackhole");
    p.accept(&id);
    assert_eq!(state(&mut p), "active");
    let input = route(&mut p, &third, "10.1.0.0/16", &id);
    let table = input.route_table_id.clone();
    p.h.message::<ops::CreateRoute>(
        input,
        "InvalidParameterValue",
        &format!("route table {table} and network gateway {id} belong to different networks"),
    );
    let input = route(&mut p, &own, "10.3.0.0/16", "pcx-0123456789abcdef0");
    p.h.code::<ops::CreateRoute>(input, "InvalidVpcPeeringConnectionID.NotFound");
    p.delete(&id);
    assert_eq!(state(&mut p), "blackhole");
    let input = route(&mut p, &own, "10.4.0.0/16", &id);
    p.h.code::<ops::CreateRoute>(input, "InvalidVpcPeeringConnectionID.NotFound");
}

fn group(p: &mut Peering, vpc: &str, name: &str) -> String {
    let input = CreateSecurityGroupRequest {
        vpc_id: text(vpc),
        group_name: name.to_owned(),
        description: name.to_owned(),
        ..Default::default()
    };
    p.h.ok::<ops::CreateSecurityGroup>(input).group_id.unwrap()
}

fn permission(peer: &str, owner: Option<&str>) -> Vec<IpPermission> {
    let pair =
        UserIdGroupPair { group_id: text(peer), user_id: owner.map(str::to_owned), ..Default::default() };
    vec![IpPermission {
        ip_protocol: text("tcp"),
        from_port: Some(5432),
        to_port: Some(5432),
        user_id_group_pairs: Some(vec![pair]),
        ..Default::default()
    }]
}

fn authorization(group: &str, permissions: Vec<IpPermission>) -> AuthorizeSecurityGroupIngressRequest {
    AuthorizeSecurityGroupIngressRequest {
        group_id: text(group),
        ip_permissions: permissions,
        ..Default::default()
    }
}

/// How the group's only rule is shown.
fn pair(p: &mut Peering, group: &str) -> UserIdGroupPair {
    let input = DescribeSecurityGroupsRequest { group_ids: vec![group.to_owned()], ..Default::default() };
    let mut groups = p.h.ok::<ops::DescribeSecurityGroups>(input).security_groups.unwrap();
    let mut permissions = groups.remove(0).ip_permissions.unwrap();
    permissions.remove(0).user_id_group_pairs.unwrap().remove(0)
}

fn stale(p: &mut Peering, vpc: &str) -> Vec<ec2::StaleSecurityGroup> {
    let input = DescribeStaleSecurityGroupsRequest { vpc_id: vpc.to_owned(), ..Default::default() };
    p.h.ok::<ops::DescribeStaleSecurityGroups>(input).stale_security_group_set.unwrap()
}

/// "Reference security groups across peered VPCs", "Work with stale security group rules" in the VPC peering guide.
#[test]
fn rules_refer_to_groups_of_another_account_and_go_stale() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    let web = group(&mut p, &own, "web");
    p.act_as(OTHER);
    let other = p.vpc("10.1.0.0/16");
    let db = group(&mut p, &other, "db");
    p.h.message::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&db, permission(&web, Some(OWN))),
        "InvalidGroup.NotFound",
        &format!("The security group '{web}' does not exist"),
    );
    let input =
        ec2::CreateVpcPeeringConnectionRequest { peer_owner_id: text(OWN), ..Peering::between(&other, &own) };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    p.act_as(OWN);
    p.accept(&id);
    p.act_as(OTHER);
    p.h.code::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&db, permission(&web, Some(OTHER))),
        "InvalidGroup.NotFound",
    );
    p.h.ok::<ops::AuthorizeSecurityGroupIngress>(authorization(&db, permission(&web, None)));
    p.h.code::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&db, permission(&web, Some(OWN))),
        "InvalidPermission.Duplicate",
    );
    let shown = UserIdGroupPair {
        group_id: text(&web),
        user_id: text(OWN),
        vpc_id: text(&own),
        vpc_peering_connection_id: text(&id),
        peering_status: text("active"),
        ..Default::default()
    };
    assert_eq!(pair(&mut p, &db), shown);
    assert_eq!(stale(&mut p, &other), vec![]);
    p.act_as(OWN);
    let references =
        DescribeSecurityGroupReferencesRequest { group_id: vec![web.clone()], ..Default::default() };
    let found = p.h.ok::<ops::DescribeSecurityGroupReferences>(references.clone());
    let found = found.security_group_reference_set.unwrap().remove(0);
    assert_eq!((found.group_id, found.referencing_vpc_id), (text(&web), text(&other)));
    assert_eq!(found.vpc_peering_connection_id, text(&id));

    // Without the connection the rule is stale; it can be revoked by what it names.
    p.delete(&id);
    let found = p.h.ok::<ops::DescribeSecurityGroupReferences>(references);
    assert_eq!(found.security_group_reference_set, Some(vec![]));
    p.act_as(OTHER);
    let gone = UserIdGroupPair {
        group_id: text(&web),
        vpc_id: text(&own),
        peering_status: text("deleted"),
        ..Default::default()
    };
    assert_eq!(pair(&mut p, &db), gone);
    let found = stale(&mut p, &other).remove(0);
    assert_eq!((found.group_id, found.group_name), (text(&db), text("db")));
    let permissions = found.stale_ip_permissions.unwrap();
    assert_eq!((permissions[0].from_port, permissions[0].ip_ranges.as_ref()), (Some(5432), None));
    let named = UserIdGroupPair {
        user_id: text(OWN),
        group_name: text("web"),
        vpc_peering_connection_id: text(&id),
        ..gone.clone()
    };
    assert_eq!(permissions[0].user_id_group_pairs, Some(vec![named]));
    assert_eq!(found.stale_ip_permissions_egress, Some(vec![]));
    // With another connection of the same VPCs it is not.
    p.act_as(OWN);
    let input = ec2::CreateVpcPeeringConnectionRequest {
        peer_owner_id: text(OTHER),
        ..Peering::between(&own, &other)
    };
    let again = p.create(input).vpc_peering_connection_id.unwrap();
    p.act_as(OTHER);
    p.accept(&again);
    assert_eq!(pair(&mut p, &db), UserIdGroupPair { vpc_peering_connection_id: text(&again), ..shown });
    assert_eq!(stale(&mut p, &other), vec![]);
    // A group that only another VPC refers to can be deleted.
    p.act_as(OWN);
    p.h.ok::<ops::DeleteSecurityGroup>(DeleteSecurityGroupRequest {
        group_id: text(&web),
        ..Default::default()
    });
    p.act_as(OTHER);
    let left = stale(&mut p, &other).remove(0).stale_ip_permissions.unwrap().remove(0);
    let left = left.user_id_group_pairs.unwrap().remove(0);
    assert_eq!((left.peering_status.as_deref(), left.user_id, left.group_name), (Some("active"), None, None));
    p.h.ok::<ops::RevokeSecurityGroupIngress>(RevokeSecurityGroupIngressRequest {
        group_id: text(&db),
        ip_permissions: permission(&web, None),
        ..Default::default()
    });
    assert_eq!(stale(&mut p, &other), vec![]);
}

#[test]
fn groups_of_other_regions_cannot_be_referred_to() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    let web = group(&mut p, &own, "web");
    p.h.act_as(OWN, "eu-west-1");
    let other = p.vpc("10.1.0.0/16");
    let db = group(&mut p, &other, "db");
    let input = ec2::CreateVpcPeeringConnectionRequest {
        peer_region: text("us-east-1"),
        ..Peering::between(&other, &own)
    };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    p.act_as(OWN);
    p.accept(&id);
    p.h.act_as(OWN, "eu-west-1");
    p.h.message::<ops::AuthorizeSecurityGroupIngress>(
        authorization(&db, permission(&web, None)),
        "InvalidGroup.NotFound",
        &format!("The security group '{web}' does not exist"),
    );
}

fn options(
    id: &str,
    accepter: Option<bool>,
    requester: Option<bool>,
) -> ModifyVpcPeeringConnectionOptionsRequest {
    let side = |allow: bool| PeeringConnectionOptionsRequest {
        allow_dns_resolution_from_remote_vpc: Some(allow),
        ..Default::default()
    };
    ModifyVpcPeeringConnectionOptionsRequest {
        vpc_peering_connection_id: id.to_owned(),
        accepter_peering_connection_options: accepter.map(side),
        requester_peering_connection_options: requester.map(side),
        ..Default::default()
    }
}

#[test]
fn each_side_says_whether_its_names_are_resolved() {
    let mut p = Peering::new();
    let own = p.vpc("10.0.0.0/16");
    p.act_as(OTHER);
    let other = p.vpc("10.1.0.0/16");
    p.act_as(OWN);
    let input = ec2::CreateVpcPeeringConnectionRequest {
        peer_owner_id: text(OTHER),
        ..Peering::between(&own, &other)
    };
    let id = p.create(input).vpc_peering_connection_id.unwrap();
    p.h.message::<ops::ModifyVpcPeeringConnectionOptions>(
        options(&id, None, Some(true)),
        "OperationNotPermitted",
        &format!("Peering {id} is not active. Peering options can be added only to active peerings."),
    );
    p.act_as(OTHER);
    p.accept(&id);
    p.act_as(OWN);
    p.h.message::<ops::ModifyVpcPeeringConnectionOptions>(
        options(&id, Some(true), None),
        "OperationNotPermitted",
        &format!("User {OWN} does not have permission to modify the accepter side peering options"),
    );
    p.h.code::<ops::ModifyVpcPeeringConnectionOptions>(
        options(&id, None, Some(true)),
        "InvalidVpcPeeringConnectionState.DnsHostnamesDisabled",
    );
    p.h.code::<ops::ModifyVpcPeeringConnectionOptions>(options(&id, None, None), "MissingParameter");
    p.h.ok::<ops::ModifyVpcAttribute>(ec2::ModifyVpcAttributeRequest {
        vpc_id: own.clone(),
        enable_dns_hostnames: Some(ec2::AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    });
    let answer = p.h.ok::<ops::ModifyVpcPeeringConnectionOptions>(options(&id, None, Some(true)));
    assert_eq!(answer.accepter_peering_connection_options, None);
    let allowed = answer.requester_peering_connection_options.unwrap();
    assert_eq!(allowed.allow_dns_resolution_from_remote_vpc, Some(true));
    let seen = p.seen(&[]).remove(0).requester_vpc_info.unwrap().peering_options.unwrap();
    assert_eq!(seen.allow_dns_resolution_from_remote_vpc, Some(true));
    let mut classic = options(&id, None, Some(true));
    let side = classic.requester_peering_connection_options.as_mut().unwrap();
    side.allow_egress_from_local_vpc_to_remote_classic_link = Some(true);
    p.h.code::<ops::ModifyVpcPeeringConnectionOptions>(classic, "UnsupportedOperation");
}
