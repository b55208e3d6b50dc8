//! The quotas that are enforced, with AWS's codes and defaults, and the applied values.
//! [Amazon VPC quotas](https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html)

use enishi_state::{Region, Scope, World, quota};

/// A quota of Service Quotas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// `vpc`, `ec2`
    pub(crate) service: &'static str,
    /// `L-F678F1CE`
    pub(crate) code: &'static str,
    /// AWS's name of it.
    pub(crate) name: &'static str,
    /// AWS's default.
    pub(crate) default: u32,
    /// Whether it can be raised by request.
    pub(crate) adjustable: bool,
    /// Whether it is one for all regions.
    pub(crate) global: bool,
}

/// Where the quotas of global services are kept.
const GLOBAL_REGION: &str = "us-east-1";

impl Quota {
    /// Where the value is kept that applies in the account and region.
    pub(crate) fn scope(&self, scope: &Scope) -> Scope {
        match Region::new(GLOBAL_REGION) {
            Some(region) if self.global => Scope { region, ..scope.clone() },
            _ => scope.clone(),
        }
    }

    /// The value that applies in the account and region.
    pub(crate) fn applied(&self, world: &World, scope: &Scope) -> usize {
        let key = quota::Quota::key(&self.scope(scope), self.service, self.code);
        let value = world.get::<quota::Quota>(&key).map_or(f64::from(self.default), |row| row.value);
        // A float to integer cast saturates, which is what a limit should do.
        value as usize
    }

    /// Whether one more of what there are `existing` of would be over the limit.
    pub(crate) fn reached(&self, world: &World, scope: &Scope, existing: usize) -> bool {
        existing >= self.applied(world, scope)
    }
}

const fn vpc(code: &'static str, name: &'static str, default: u32) -> Quota {
    Quota { service: "vpc", code, name, default, adjustable: true, global: false }
}

const fn route53(code: &'static str, name: &'static str, default: u32) -> Quota {
    Quota { service: "route53", code, name, default, adjustable: true, global: true }
}

const fn acm(code: &'static str, name: &'static str, default: u32) -> Quota {
    Quota { service: "acm", code, name, default, adjustable: true, global: false }
}

const fn route53resolver(code: &'static str, name: &'static str, default: u32) -> Quota {
    Quota { service: "route53resolver", code, name, default, adjustable: true, global: false }
}

const fn elasticloadbalancing(code: &'static str, name: &'static str, default: u32) -> Quota {
    Quota { service: "elasticloadbalancing", code, name, default, adjustable: true, global: false }
}

/// VPCs per Region.
pub(crate) const VPCS: Quota = vpc("L-F678F1CE", "VPCs per Region", 5);
/// Subnets per VPC.
pub(crate) const SUBNETS_PER_VPC: Quota = vpc("L-407747CB", "Subnets per VPC", 200);
/// IPv4 CIDR blocks per VPC, the primary included.
pub(crate) const CIDR_BLOCKS_PER_VPC: Quota = vpc("L-83CA0A9D", "IPv4 CIDR blocks per VPC", 5);
/// Internet gateways per Region.
pub(crate) const INTERNET_GATEWAYS: Quota = vpc("L-A4707A72", "Internet gateways per Region", 5);
/// NAT gateways per Availability Zone.
pub(crate) const NAT_GATEWAYS_PER_ZONE: Quota = vpc("L-FE5A380F", "NAT gateways per Availability Zone", 5);
/// Active VPC peering connections per VPC.
pub(crate) const ACTIVE_PEERINGS_PER_VPC: Quota =
    vpc("L-7E9ECCDB", "Active VPC peering connections per VPC", 50);
/// Outstanding VPC peering connection requests.
pub(crate) const OUTSTANDING_PEERING_REQUESTS: Quota =
    vpc("L-DC9F7029", "Outstanding VPC peering connection requests", 25);
/// Network ACLs per VPC.
pub(crate) const NETWORK_ACLS_PER_VPC: Quota = vpc("L-B4A6D682", "Network ACLs per VPC", 200);
/// Rules per network ACL and direction.
pub(crate) const RULES_PER_NETWORK_ACL: Quota = vpc("L-2AEEBF1A", "Rules per network ACL", 20);
/// Network interfaces per Region.
pub(crate) const NETWORK_INTERFACES: Quota = vpc("L-DF5E4CA3", "Network interfaces per Region", 5000);
/// Route tables per VPC, the main one included.
pub(crate) const ROUTE_TABLES_PER_VPC: Quota = vpc("L-589F43AA", "Route tables per VPC", 200);
/// Non-propagated routes per route table.
pub(crate) const ROUTES_PER_ROUTE_TABLE: Quota = vpc("L-93826ACB", "Routes per route table", 500);
/// Security groups per network interface.
pub(crate) const SECURITY_GROUPS_PER_INTERFACE: Quota =
    vpc("L-2AFB9258", "Security groups per network interface", 5);
/// Security groups per Region.
pub(crate) const SECURITY_GROUPS: Quota = vpc("L-E79EC296", "VPC security groups per Region", 2500);
/// Rules per security group and direction.
pub(crate) const RULES_PER_SECURITY_GROUP: Quota =
    vpc("L-0EA8095F", "Inbound or outbound rules per security group", 60);
/// Elastic IPs per Region.
pub(crate) const ELASTIC_IPS: Quota = Quota {
    service: "ec2",
    code: "L-0263D0A3",
    name: "EC2-VPC Elastic IPs",
    default: 5,
    adjustable: true,
    global: false,
};
/// Private and public addresses per NAT gateway.
pub(crate) const ADDRESSES_PER_NAT_GATEWAY: Quota =
    vpc("L-5F53652F", "Elastic IP address quota per NAT gateway", 2);

/// Route 53 hosted zones per account.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html)
pub(crate) const HOSTED_ZONES: Quota = route53("L-4EA4796A", "Hosted zones", 500);
/// Record sets per Route 53 hosted zone.
pub(crate) const RECORD_SETS_PER_ZONE: Quota = route53("L-E209CC9F", "Records per hosted zone", 10_000);
/// Route 53 reusable delegation sets per account.
pub(crate) const DELEGATION_SETS: Quota = route53("L-A72C7724", "Reusable delegation sets", 100);
/// Route 53 health checks per account.
pub(crate) const HEALTH_CHECKS: Quota = route53("L-ACB674F3", "Health checks", 200);

/// ACM certificates per Region that were requested. [Quotas](https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html)
pub(crate) const CERTIFICATES: Quota = acm("L-F141DD1D", "ACM certificates", 2500);
/// ACM certificates per Region that were imported.
pub(crate) const IMPORTED_CERTIFICATES: Quota = acm("L-D2CB7DE9", "Imported certificates", 2500);
/// Names of one certificate that is requested.
pub(crate) const DOMAINS_PER_CERTIFICATE: Quota = acm("L-FB94F0B0", "Domain names per ACM certificate", 10);

/// Resolver endpoints per Region.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html)
pub(crate) const RESOLVER_ENDPOINTS: Quota =
    route53resolver("L-4A669CC0", "Resolver endpoints per AWS Region", 4);
/// Resolver rules per Region.
pub(crate) const RESOLVER_RULES: Quota = route53resolver("L-51D8A1FB", "Resolver rules per AWS Region", 1000);
/// Associations of resolver rules with VPCs per Region.
pub(crate) const RESOLVER_RULE_ASSOCIATIONS: Quota =
    route53resolver("L-94E19253", "Associations between resolver rules and VPCs per AWS Region", 2000);

/// Classic Load Balancers per Region.
/// [Quotas](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-limits.html)
pub(crate) const CLASSIC_LOAD_BALANCERS: Quota =
    elasticloadbalancing("L-E9E9831D", "Classic Load Balancers per Region", 20);
/// Listeners of one Classic Load Balancer.
pub(crate) const LISTENERS_PER_CLASSIC_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-1A491844", "Listeners per Classic Load Balancer", 100);
/// Instances of one Classic Load Balancer.
pub(crate) const INSTANCES_PER_CLASSIC_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-CE3125E5", "Registered Instances per Classic Load Balancer", 1000);

/// Application Load Balancers per Region.
/// [Quotas](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html)
pub(crate) const APPLICATION_LOAD_BALANCERS: Quota =
    elasticloadbalancing("L-53DA6B97", "Application Load Balancers per Region", 50);
/// Network Load Balancers per Region.
/// [Quotas](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html)
pub(crate) const NETWORK_LOAD_BALANCERS: Quota =
    elasticloadbalancing("L-69A177A2", "Network Load Balancers per Region", 50);
/// Target groups per Region.
pub(crate) const TARGET_GROUPS: Quota = elasticloadbalancing("L-B22855CB", "Target Groups per Region", 3000);
/// Listeners per Application Load Balancer.
pub(crate) const LISTENERS_PER_APPLICATION_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-B6DF7632", "Listeners per Application Load Balancer", 50);
/// Listeners per Network Load Balancer.
pub(crate) const LISTENERS_PER_NETWORK_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-57A373D6", "Listeners per Network Load Balancer", 50);
/// Targets per target group.
pub(crate) const TARGETS_PER_TARGET_GROUP: Quota =
    elasticloadbalancing("L-A0D0B863", "Targets per Target Group per Region", 1000);

/// Certificates per Application Load Balancer, but for the defaults of its listeners.
pub(crate) const CERTIFICATES_PER_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-9365A611", "Certificates per Application Load Balancer", 25);
/// Rules per Application Load Balancer, but for the default rules of its listeners.
pub(crate) const RULES_PER_LOAD_BALANCER: Quota =
    elasticloadbalancing("L-7EED9B64", "Rules per Application Load Balancer", 100);

/// Every quota that is enforced.
pub(crate) const ALL: &[Quota] = &[
    ELASTIC_IPS,
    RULES_PER_SECURITY_GROUP,
    RULES_PER_NETWORK_ACL,
    SECURITY_GROUPS_PER_INTERFACE,
    SUBNETS_PER_VPC,
    ROUTE_TABLES_PER_VPC,
    ADDRESSES_PER_NAT_GATEWAY,
    CIDR_BLOCKS_PER_VPC,
    ROUTES_PER_ROUTE_TABLE,
    INTERNET_GATEWAYS,
    ACTIVE_PEERINGS_PER_VPC,
    OUTSTANDING_PEERING_REQUESTS,
    NETWORK_ACLS_PER_VPC,
    NETWORK_INTERFACES,
    SECURITY_GROUPS,
    VPCS,
    NAT_GATEWAYS_PER_ZONE,
    HOSTED_ZONES,
    RECORD_SETS_PER_ZONE,
    DELEGATION_SETS,
    HEALTH_CHECKS,
    RESOLVER_ENDPOINTS,
    RESOLVER_RULES,
    RESOLVER_RULE_ASSOCIATIONS,
    CERTIFICATES,
    IMPORTED_CERTIFICATES,
    DOMAINS_PER_CERTIFICATE,
    CLASSIC_LOAD_BALANCERS,
    LISTENERS_PER_CLASSIC_LOAD_BALANCER,
    INSTANCES_PER_CLASSIC_LOAD_BALANCER,
    APPLICATION_LOAD_BALANCERS,
    NETWORK_LOAD_BALANCERS,
    TARGET_GROUPS,
    LISTENERS_PER_APPLICATION_LOAD_BALANCER,
    LISTENERS_PER_NETWORK_LOAD_BALANCER,
    TARGETS_PER_TARGET_GROUP,
    CERTIFICATES_PER_LOAD_BALANCER,
    RULES_PER_LOAD_BALANCER,
];

/// The quota of that code.
pub(crate) fn find(service: &str, code: &str) -> Option<&'static Quota> {
    ALL.iter().find(|quota| quota.service == service && quota.code == code)
}
