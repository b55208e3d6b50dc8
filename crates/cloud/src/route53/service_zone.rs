//! The zones of AWS's services: what an alias leads to that is no record set of the zone's own.
//! [Values for alias records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-alias.html),
//! [Service endpoints](https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html)
//!
//! `AliasTarget.HostedZoneId` names a zone that the service has in each region, the same for every account. The name servers
//! follow an alias into any zone they know, so a service joins by two things: it answers [`ServiceZone::has`] for its names, and
//! `plan` compiles the zone with their addresses. Until it does, its names are not found, as names that nobody made are at AWS.

use enishi_fabric::dns::Name;
use enishi_plan::LOAD_BALANCER_ZONES;
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

/// The other zones that are known by id.
const OTHERS: &[ServiceZone] = &[
    zone("Z1UJRXOUMOOFQ8", Service::ApiGateway, "us-east-1"),
    zone("Z7HUB22UULQXV", Service::VpcEndpoint, "us-east-1"),
    zone("Z2FDTNDATAQYW2", Service::CloudFront, ""),
    zone("Z2BJ6XQ5FK7U4H", Service::GlobalAccelerator, ""),
];

/// The id of the zone that a region's load balancers have their names in.
pub(crate) fn load_balancer_zone_id(region: &Region, is_network: bool) -> Option<&'static str> {
    let (_, balancer, network) = LOAD_BALANCER_ZONES.iter().find(|(name, ..)| *name == region.as_str())?;
    Some(if is_network { network } else { balancer })
}

impl ServiceZone {
    /// The zone with that id, without `/hostedzone/`.
    pub(super) fn find(id: &str) -> Option<Self> {
        let balancers = LOAD_BALANCER_ZONES.iter().flat_map(|(region, balancer, network)| {
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
        match self.service {
            Service::LoadBalancer => enishi_plan::is_load_balancer_name(world, name, false),
            Service::NetworkLoadBalancer => enishi_plan::is_load_balancer_name(world, name, true),
            // None of them exists yet; each answers here by its own rows when it does.
            Service::ApiGateway | Service::VpcEndpoint | Service::CloudFront | Service::GlobalAccelerator => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_lead_to_their_domains() {
        let mut ids: Vec<&str> = LOAD_BALANCER_ZONES.iter().flat_map(|(_, a, b)| [*a, *b]).collect();
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
