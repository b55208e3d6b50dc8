//! The zones of AWS's services: what an alias leads to that is no record set of the zone's own.
//! [Values for alias records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-alias.html),
//! [Service endpoints](https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html)
//!
//! `AliasTarget.HostedZoneId` names a zone that the service has in each region, the same for every account. The name servers
//! follow an alias into any zone they know, so a service joins by two things: it answers [`ServiceZone::has`] for its names, and
//! `plan` compiles the zone with their addresses. Until it does, its names are not found, as names that nobody made are at AWS.

use enishi_fabric::dns::Name;
use enishi_state::{Region, World};

/// What a zone has the names of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Application and Classic Load Balancers.
    LoadBalancer,
    /// Network Load Balancers.
    NetworkLoadBalancer,
    /// Regional custom domains of API Gateway.
    ApiGateway,
    /// VPC interface endpoints.
    VpcEndpoint,
    /// CloudFront distributions, edge-optimised API Gateway domains.
    CloudFront,
    /// Global Accelerator.
    GlobalAccelerator,
}

/// A service's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServiceZone {
    id: &'static str,
    service: Service,
    /// Empty where one zone serves all regions.
    region: &'static str,
}

const fn zone(id: &'static str, service: Service, region: &'static str) -> ServiceZone {
    ServiceZone { id, service, region }
}

/// A region's zones of load balancers: Application and Classic, Network.
/// [Elastic Load Balancing endpoints](https://docs.aws.amazon.com/general/latest/gr/elb.html)
const LOAD_BALANCERS: &[(&str, &str, &str)] = &[
    ("af-south-1", "Z268VQBMOI5EKX", "Z203XCE67M25HM"),
    ("ap-east-1", "Z3DQVH9N71FHZ0", "Z12Y7K3UBGUAD1"),
    ("ap-northeast-1", "Z14GRHDCWA56QT", "Z31USIVHYNEOWT"),
    ("ap-northeast-2", "ZWKZPGTI48KDX", "ZIBE1TIR4HY56"),
    ("ap-south-1", "ZP97RAFLXTNZK", "ZVDDRBQ08TROA"),
    ("ap-southeast-1", "Z1LMS91P8CMLE5", "ZKVM4W9LS7TM"),
    ("ap-southeast-2", "Z1GM3OXH4ZPM65", "ZCT6FZBF4DROD"),
    ("ca-central-1", "ZQSVJUPU6J1EY", "Z2EPGBW3API2WT"),
    ("eu-central-1", "Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"),
    ("eu-north-1", "Z23TAZ6LKFMNIO", "Z1UDT6IFJ4EJM"),
    ("eu-south-1", "Z3ULH7SSC9OV64", "Z23146JA1KNAFP"),
    ("eu-west-1", "Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
    ("eu-west-2", "ZHURV8PSTC4K8", "ZD4D7Y8KGAS4G"),
    ("eu-west-3", "Z3Q77PNBQS71R4", "Z1CMS0P5QUZ6D5"),
    ("me-south-1", "ZS929ML54UICD", "Z3QSRYVP46NYYV"),
    ("sa-east-1", "Z2P70J7HTTTPLU", "ZTK26PT1VY4CU"),
    ("us-east-1", "Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"),
    ("us-east-2", "Z3AADJGX6KTTL2", "ZLMOA37VPKANP"),
    ("us-west-1", "Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"),
    ("us-west-2", "Z1H1FL5HABSF5", "Z18D5FSROUN65G"),
];

/// The other zones that are known by id.
const OTHERS: &[ServiceZone] = &[
    zone("Z1UJRXOUMOOFQ8", Service::ApiGateway, "us-east-1"),
    zone("Z7HUB22UULQXV", Service::VpcEndpoint, "us-east-1"),
    zone("Z2FDTNDATAQYW2", Service::CloudFront, ""),
    zone("Z2BJ6XQ5FK7U4H", Service::GlobalAccelerator, ""),
];

/// The id of the zone that a region's load balancers have their names in.
pub(crate) fn load_balancer_zone_id(region: &Region, is_network: bool) -> Option<&'static str> {
    let (_, balancer, network) = LOAD_BALANCERS.iter().find(|(name, ..)| *name == region.as_str())?;
    Some(if is_network { network } else { balancer })
}

impl ServiceZone {
    /// The zone with that id, without `/hostedzone/`.
    pub(super) fn find(id: &str) -> Option<Self> {
        let balancers = LOAD_BALANCERS.iter().flat_map(|(region, balancer, network)| {
            [
                zone(balancer, Service::LoadBalancer, region),
                zone(network, Service::NetworkLoadBalancer, region),
            ]
        });
        balancers.chain(OTHERS.iter().copied()).find(|zone| zone.id == id)
    }

    /// What its names end with.
    fn domain(&self) -> String {
        let region = self.region;
        match self.service {
            Service::LoadBalancer => format!("{region}.elb.amazonaws.com"),
            Service::NetworkLoadBalancer => format!("elb.{region}.amazonaws.com"),
            Service::ApiGateway => format!("execute-api.{region}.amazonaws.com"),
            Service::VpcEndpoint => format!("{region}.vpce.amazonaws.com"),
            Service::CloudFront => "cloudfront.net".to_owned(),
            Service::GlobalAccelerator => "awsglobalaccelerator.com".to_owned(),
        }
    }

    /// Whether a name could be in it.
    pub(super) fn covers(&self, name: &Name) -> bool {
        Name::parse(&self.domain()).is_ok_and(|domain| name.is_within(&domain))
    }

    /// Whether the service has made that name.
    pub(super) fn has(&self, world: &World, name: &Name) -> bool {
        let _ = (world, name);
        match self.service {
            // None of them exists yet; each answers here by its own rows when it does.
            Service::LoadBalancer
            | Service::NetworkLoadBalancer
            | Service::ApiGateway
            | Service::VpcEndpoint
            | Service::CloudFront
            | Service::GlobalAccelerator => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_lead_to_their_domains() {
        let mut ids: Vec<&str> = LOAD_BALANCERS.iter().flat_map(|(_, a, b)| [*a, *b]).collect();
        ids.extend(OTHERS.iter().map(|zone| zone.id));
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        for (id, name) in [
            ("Z35SXDOTRQ7X7K", "dualstack.web-1.us-east-1.elb.amazonaws.com"),
            ("Z26RNL4JYFTOTI", "net-1.elb.us-east-1.amazonaws.com"),
            ("Z1UJRXOUMOOFQ8", "d-1.execute-api.us-east-1.amazonaws.com"),
            ("Z7HUB22UULQXV", "vpce-1.s3.us-east-1.vpce.amazonaws.com"),
            ("Z2FDTNDATAQYW2", "d1.cloudfront.net"),
        ] {
            let zone = ServiceZone::find(id).expect(id);
            assert!(zone.covers(&name.parse().expect(name)), "{name}");
            assert!(!zone.covers(&"www.example.com".parse().expect("a name")), "{id}");
        }
        assert_eq!(ServiceZone::find("Z0"), None);
    }
}
