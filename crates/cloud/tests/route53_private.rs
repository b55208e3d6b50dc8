//! Private hosted zones: VPCs, associations across accounts, and the messages of what is refused.

mod harness;
mod zones;

use enishi_api::ec2::{CreateVpcRequest, DeleteVpcRequest, ops as ec2_ops};
use enishi_api::route53::{
    AssociateVPCWithHostedZoneRequest, CreateHostedZoneRequest, CreateReusableDelegationSetRequest,
    CreateVPCAssociationAuthorizationRequest, DeleteHostedZoneRequest,
    DeleteVPCAssociationAuthorizationRequest, DisassociateVPCFromHostedZoneRequest,
    GetHostedZoneLimitRequest, GetHostedZoneRequest, HostedZoneConfig, ListHostedZonesByVPCRequest,
    ListHostedZonesRequest, ListVPCAssociationAuthorizationsRequest, VPC, ops,
};
use harness::{Harness, text};
use zones::{bare, change, create, listed, own_vpc, private, records};

const OTHER: &str = "210987654321";
const ME: &str = "123456789012";

fn make(harness: &mut Harness, name: &str, vpc: VPC) -> String {
    harness.ok::<ops::CreateHostedZone>(private(name, name, vpc)).hosted_zone.id
}

fn another_vpc(harness: &mut Harness) -> VPC {
    let input = CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    let vpc = harness.ok::<ec2_ops::CreateVpc>(input).vpc.expect("a VPC");
    VPC { vpc_region: Some(harness.caller.scope.region.to_string()), vpc_id: vpc.vpc_id }
}

fn associate(zone: &str, vpc: &VPC) -> AssociateVPCWithHostedZoneRequest {
    AssociateVPCWithHostedZoneRequest { hosted_zone_id: zone.to_owned(), vpc: vpc.clone(), comment: None }
}

fn disassociate(zone: &str, vpc: &VPC) -> DisassociateVPCFromHostedZoneRequest {
    DisassociateVPCFromHostedZoneRequest { hosted_zone_id: zone.to_owned(), vpc: vpc.clone(), comment: None }
}

fn authorize(zone: &str, vpc: &VPC) -> CreateVPCAssociationAuthorizationRequest {
    CreateVPCAssociationAuthorizationRequest { hosted_zone_id: zone.to_owned(), vpc: vpc.clone() }
}

fn by_vpc(vpc: &VPC) -> ListHostedZonesByVPCRequest {
    ListHostedZonesByVPCRequest {
        vpc_id: vpc.vpc_id.clone().unwrap_or_default(),
        vpc_region: vpc.vpc_region.clone().unwrap_or_default(),
        ..Default::default()
    }
}

fn vpcs_of(harness: &mut Harness, zone: &str) -> Option<Vec<VPC>> {
    harness.ok::<ops::GetHostedZone>(GetHostedZoneRequest { id: zone.to_owned() }).vpcs
}

fn id(vpc: &VPC) -> &str {
    vpc.vpc_id.as_deref().unwrap_or_default()
}

/// [CreateHostedZone](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html)
#[test]
fn a_private_zone_and_a_public_one_may_have_the_same_name() {
    let mut harness = Harness::new();
    let vpc = own_vpc(&harness);
    let public = create(&mut harness, "example.test");
    let input = CreateHostedZoneRequest {
        hosted_zone_config: Some(HostedZoneConfig { comment: text("inside"), private_zone: Some(true) }),
        ..private("example.test", "private", vpc.clone())
    };
    let made = harness.ok::<ops::CreateHostedZone>(input);
    assert_eq!(made.vpc, Some(vpc.clone()));
    let zone = made.hosted_zone.id;
    let get = |id: &str| GetHostedZoneRequest { id: id.to_owned() };
    let shown = harness.ok::<ops::GetHostedZone>(get(&zone));
    assert_eq!(shown.hosted_zone.config.and_then(|config| config.private_zone), Some(true));
    assert_eq!((shown.delegation_set, shown.vpcs), (None, Some(vec![vpc.clone()])));
    let shown = harness.ok::<ops::GetHostedZone>(get(&public));
    assert!(shown.delegation_set.is_some() && shown.vpcs.is_none());
    let pair = |kind: &str| ("example.test.".to_owned(), kind.to_owned());
    assert_eq!(listed(&mut harness, &zone), [pair("NS"), pair("SOA")]);
    // The name servers of every private zone, which nothing is delegated to.
    let ns = zones::listed_set(&mut harness, &zone, "NS").resource_records.expect("name servers");
    assert_eq!(ns[0].value, "ns-0.awsdns-00.com.");
    let only_private =
        ListHostedZonesRequest { hosted_zone_type: text("PrivateHostedZone"), ..Default::default() };
    let page = harness.ok::<ops::ListHostedZones>(only_private);
    assert_eq!(page.hosted_zones.into_iter().map(|zone| zone.id).collect::<Vec<_>>(), [zone.as_str()]);
    let page = harness.ok::<ops::ListHostedZonesByVPC>(by_vpc(&vpc));
    let summary = &page.hosted_zone_summaries[0];
    assert_eq!(
        (summary.hosted_zone_id.as_str(), summary.name.as_str(), summary.owner.owning_account.as_deref()),
        (bare(&zone), "example.test.", Some(ME))
    );
}

/// [CreateHostedZone, Errors](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html#API_CreateHostedZone_Errors)
#[test]
fn a_private_zone_needs_a_vpc_of_its_own_that_sees_no_zone_of_the_name() {
    let mut harness = Harness::new();
    let vpc = own_vpc(&harness);
    let nowhere = CreateHostedZoneRequest {
        name: "corp.test".to_owned(),
        caller_reference: "1".to_owned(),
        hosted_zone_config: Some(HostedZoneConfig { comment: None, private_zone: Some(true) }),
        ..Default::default()
    };
    harness.message::<ops::CreateHostedZone>(
        nowhere,
        "InvalidInput",
        "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId and VPCRegion.",
    );
    harness.act_as(OTHER, "us-east-1");
    let foreign = own_vpc(&harness);
    harness.act_as(ME, "us-east-1");
    let elsewhere = VPC { vpc_region: text("eu-west-1"), ..vpc.clone() };
    let unknown = VPC { vpc_id: text("vpc-0123456789abcdef0"), ..vpc.clone() };
    let malformed = VPC { vpc_id: text("net-1"), ..vpc.clone() };
    for wrong in [foreign, elsewhere, unknown, malformed] {
        harness.message::<ops::CreateHostedZone>(
            private("corp.test", "1", wrong.clone()),
            "InvalidVPCId",
            &format!("The VPC: {} you provided is not authorized to make the association.", id(&wrong)),
        );
    }
    let zone = make(&mut harness, "corp.test", vpc.clone());
    harness.message::<ops::CreateHostedZone>(
        private("corp.test", "2", vpc.clone()),
        "ConflictingDomainExists",
        &format!(
            "The VPC {} in region us-east-1 has already been associated with the hosted zone {} with the same domain name.",
            id(&vpc),
            bare(&zone)
        ),
    );
    // Names that overlap do not conflict, and another VPC may see another zone of the name.
    make(&mut harness, "a.corp.test", vpc.clone());
    let other = another_vpc(&mut harness);
    harness.ok::<ops::CreateHostedZone>(private("corp.test", "3", other));
    let set = CreateReusableDelegationSetRequest { caller_reference: "1".to_owned(), hosted_zone_id: None };
    let set = harness.ok::<ops::CreateReusableDelegationSet>(set).delegation_set.id;
    let reused =
        CreateHostedZoneRequest { delegation_set_id: set, ..private("reused.test", "4", vpc.clone()) };
    harness.code::<ops::CreateHostedZone>(reused, "DelegationSetNotReusable");
    let of_private =
        CreateReusableDelegationSetRequest { caller_reference: "2".to_owned(), hosted_zone_id: Some(zone) };
    harness.code::<ops::CreateReusableDelegationSet>(of_private, "InvalidInput");
}

/// [AssociateVPCWithHostedZone](https://docs.aws.amazon.com/Route53/latest/APIReference/API_AssociateVPCWithHostedZone.html),
/// [DisassociateVPCFromHostedZone](https://docs.aws.amazon.com/Route53/latest/APIReference/API_DisassociateVPCFromHostedZone.html)
#[test]
fn vpcs_come_and_go_but_the_last() {
    let mut harness = Harness::new();
    let first = own_vpc(&harness);
    let zone = make(&mut harness, "corp.test", first.clone());
    harness.message::<ops::DisassociateVPCFromHostedZone>(
        disassociate(&zone, &first),
        "LastVPCAssociation",
        "Cannot remove last VPC association for the private zone",
    );
    let second = another_vpc(&mut harness);
    harness.message::<ops::DisassociateVPCFromHostedZone>(
        disassociate(&zone, &second),
        "VPCAssociationNotFound",
        &format!("The VPC: {} is not associated with the hosted zone: {}.", id(&second), bare(&zone)),
    );
    let info = harness.ok::<ops::AssociateVPCWithHostedZone>(associate(&zone, &second)).change_info;
    assert_eq!(info.status, "PENDING");
    assert_eq!(vpcs_of(&mut harness, &zone), Some(vec![first.clone(), second.clone()]));
    harness.code::<ops::AssociateVPCWithHostedZone>(associate(&zone, &second), "ConflictingDomainExists");
    let page = harness.ok::<ops::ListHostedZonesByVPC>(by_vpc(&second));
    assert_eq!(page.hosted_zone_summaries.len(), 1);
    harness.ok::<ops::DisassociateVPCFromHostedZone>(disassociate(&zone, &first));
    assert_eq!(vpcs_of(&mut harness, &zone), Some(vec![second.clone()]));
    let public = create(&mut harness, "public.test");
    harness.message::<ops::AssociateVPCWithHostedZone>(
        associate(&public, &first),
        "PublicZoneVPCAssociation",
        "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support associating a VPC with a public hosted zone.",
    );
    harness.code::<ops::AssociateVPCWithHostedZone>(associate("Z0", &first), "NoSuchHostedZone");
    let unknown = VPC { vpc_id: text("vpc-0123456789abcdef0"), ..first };
    harness.code::<ops::AssociateVPCWithHostedZone>(associate(&zone, &unknown), "InvalidVPCId");
}

/// [Associating a VPC and a private hosted zone of different accounts](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-associate-vpcs-different-accounts.html)
#[test]
fn another_accounts_vpc_is_associated_once_both_agree() {
    let mut harness = Harness::new();
    let mine = own_vpc(&harness);
    let zone = make(&mut harness, "corp.test", mine.clone());
    harness.act_as(OTHER, "eu-west-1");
    let theirs = own_vpc(&harness);
    let refusal = format!("The VPC: {} has not authorized to associate with your hosted zone.", id(&theirs));
    harness.message::<ops::AssociateVPCWithHostedZone>(
        associate(&zone, &theirs),
        "NotAuthorizedException",
        &refusal,
    );
    harness.code::<ops::CreateVPCAssociationAuthorization>(authorize(&zone, &theirs), "NoSuchHostedZone");

    harness.act_as(ME, "us-east-1");
    // The owner of the zone cannot do it either: the VPC is not its own.
    harness.message::<ops::AssociateVPCWithHostedZone>(
        associate(&zone, &theirs),
        "NotAuthorizedException",
        &refusal,
    );
    for _ in 0..2 {
        let made = harness.ok::<ops::CreateVPCAssociationAuthorization>(authorize(&zone, &theirs));
        assert_eq!((made.hosted_zone_id.as_str(), made.vpc), (bare(&zone), theirs.clone()));
    }
    let list = ListVPCAssociationAuthorizationsRequest { hosted_zone_id: zone.clone(), ..Default::default() };
    let shown = harness.ok::<ops::ListVPCAssociationAuthorizations>(list.clone()).vpcs;
    assert!(shown.len() == 1 && shown.contains(&theirs), "{shown:?}");
    harness.message::<ops::ListHostedZonesByVPC>(
        by_vpc(&theirs),
        "AccessDenied",
        &format!("The VPC {} is not owned by you", id(&theirs)),
    );

    harness.act_as(OTHER, "eu-west-1");
    harness.ok::<ops::AssociateVPCWithHostedZone>(associate(&zone, &theirs));
    let page = harness.ok::<ops::ListHostedZonesByVPC>(by_vpc(&theirs));
    assert_eq!(page.hosted_zone_summaries[0].owner.owning_account.as_deref(), Some(ME));
    harness.code::<ops::GetHostedZone>(GetHostedZoneRequest { id: zone.clone() }, "NoSuchHostedZone");

    // Without its authorisation the association stays.
    harness.act_as(ME, "us-east-1");
    let revoke =
        DeleteVPCAssociationAuthorizationRequest { hosted_zone_id: zone.clone(), vpc: theirs.clone() };
    harness.ok::<ops::DeleteVPCAssociationAuthorization>(revoke.clone());
    harness.message::<ops::DeleteVPCAssociationAuthorization>(
        revoke,
        "VPCAssociationAuthorizationNotFound",
        &format!(
            "The VPC: {} is not authorized to be associated with the hosted zone: {}.",
            id(&theirs),
            bare(&zone)
        ),
    );
    assert!(harness.ok::<ops::ListVPCAssociationAuthorizations>(list).vpcs.is_empty());
    assert_eq!(vpcs_of(&mut harness, &zone), Some(vec![mine.clone(), theirs.clone()]));

    // Either account ends it; a third one does not even see it.
    harness.act_as("333333333333", "eu-west-1");
    harness.code::<ops::DisassociateVPCFromHostedZone>(disassociate(&zone, &theirs), "NoSuchHostedZone");
    harness.act_as(OTHER, "eu-west-1");
    harness.code::<ops::DisassociateVPCFromHostedZone>(disassociate(&zone, &mine), "NoSuchHostedZone");
    harness.ok::<ops::DisassociateVPCFromHostedZone>(disassociate(&zone, &theirs));
    harness.code::<ops::AssociateVPCWithHostedZone>(associate(&zone, &theirs), "NotAuthorizedException");
}

/// [CreateVPCAssociationAuthorization](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateVPCAssociationAuthorization.html)
#[test]
fn authorisations_are_of_private_zones_and_bounded() {
    let mut harness = Harness::new();
    let vpc = own_vpc(&harness);
    let public = create(&mut harness, "public.test");
    harness.code::<ops::CreateVPCAssociationAuthorization>(authorize(&public, &vpc), "InvalidInput");
    let zone = make(&mut harness, "corp.test", vpc.clone());
    let nth = |n: usize| VPC { vpc_id: Some(format!("vpc-{n:017x}")), ..vpc.clone() };
    for n in 0..1000 {
        harness.ok::<ops::CreateVPCAssociationAuthorization>(authorize(&zone, &nth(n)));
    }
    harness.code::<ops::CreateVPCAssociationAuthorization>(
        authorize(&zone, &nth(1000)),
        "TooManyVPCAssociationAuthorizations",
    );
    let (mut seen, mut token) = (0, None);
    loop {
        let page =
            harness.ok::<ops::ListVPCAssociationAuthorizations>(ListVPCAssociationAuthorizationsRequest {
                hosted_zone_id: zone.clone(),
                next_token: token,
                max_results: None,
            });
        assert!(page.vpcs.len() <= 50);
        seen += page.vpcs.len();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 1000);
    let wrong = ListVPCAssociationAuthorizationsRequest {
        hosted_zone_id: zone,
        next_token: text("no token!"),
        max_results: None,
    };
    harness.code::<ops::ListVPCAssociationAuthorizations>(wrong, "InvalidPaginationToken");
}

/// Deleting a VPC keeps no zone from being listed, nor is it kept by one
/// ([terraform-provider-aws issue 2832](https://github.com/hashicorp/terraform-provider-aws/issues/2832) shows AWS do it).
#[test]
fn a_zone_outlives_its_vpc() {
    let mut harness = Harness::new();
    let gone = another_vpc(&mut harness);
    let zone = make(&mut harness, "corp.test", gone.clone());
    harness.ok::<ec2_ops::DeleteVpc>(DeleteVpcRequest { vpc_id: id(&gone).to_owned(), ..Default::default() });
    assert_eq!(vpcs_of(&mut harness, &zone), Some(vec![gone.clone()]));
    harness.code::<ops::ListHostedZonesByVPC>(by_vpc(&gone), "AccessDenied");
    let kept = own_vpc(&harness);
    harness.ok::<ops::AssociateVPCWithHostedZone>(associate(&zone, &kept));
    harness.ok::<ops::DisassociateVPCFromHostedZone>(disassociate(&zone, &gone));
    let set = || records("www.corp.test", "A", &["10.0.0.1"]);
    change(&mut harness, &zone, vec![("CREATE", set())]);
    let delete = || DeleteHostedZoneRequest { id: zone.clone() };
    harness.message::<ops::DeleteHostedZone>(
        delete(),
        "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
    );
    change(&mut harness, &zone, vec![("DELETE", set())]);
    harness.ok::<ops::DeleteHostedZone>(delete());
    assert!(harness.ok::<ops::ListHostedZonesByVPC>(by_vpc(&kept)).hosted_zone_summaries.is_empty());
}

/// [Quotas on entities](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities)
#[test]
fn a_zone_has_three_hundred_vpcs_at_most() {
    let mut harness = Harness::new();
    let first = own_vpc(&harness);
    let zone = make(&mut harness, "corp.test", first);
    let limit = |zone: &str| GetHostedZoneLimitRequest {
        hosted_zone_id: zone.to_owned(),
        r#type: "MAX_VPCS_ASSOCIATED_BY_ZONE".to_owned(),
    };
    // An account has a default VPC in every region it touches, and five VPCs there.
    let others = (1..61).flat_map(|n| [(n, 0), (n, 1), (n, 2), (n, 3), (n, 4)]).take(299);
    for (account, nth) in others {
        harness.act_as(&format!("{account:012}"), "us-east-1");
        let vpc = if nth == 0 { own_vpc(&harness) } else { another_vpc(&mut harness) };
        harness.act_as(ME, "us-east-1");
        harness.ok::<ops::CreateVPCAssociationAuthorization>(authorize(&zone, &vpc));
        harness.act_as(&format!("{account:012}"), "us-east-1");
        let made = harness.run::<ops::AssociateVPCWithHostedZone>(associate(&zone, &vpc));
        assert!(made.is_ok(), "{made:?}");
    }
    harness.act_as(ME, "us-east-1");
    let full = harness.ok::<ops::GetHostedZoneLimit>(limit(&zone));
    assert_eq!((full.limit.value, full.count), (300, 300));
    let vpc = another_vpc(&mut harness);
    harness.code::<ops::AssociateVPCWithHostedZone>(associate(&zone, &vpc), "LimitsExceeded");
    let public = create(&mut harness, "public.test");
    harness.code::<ops::GetHostedZoneLimit>(limit(&public), "HostedZoneNotPrivate");
}
