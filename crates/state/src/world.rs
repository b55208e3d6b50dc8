//! All tables, as one immutable snapshot.

use crate::{
    ResourceId, Row, Table, Tag, acm, cloudwatch, ec2, elb, elbv2, logs, quota, route53, route53domains,
    route53resolver, s3, sts,
};

/// Gives the table of one kind of row; implemented for every kind by [`World`].
pub trait Holds<R: Row> {
    /// The table.
    fn table(&self) -> &Table<R>;

    /// The table, to change it. Only [`crate::Tx`] and replay do.
    #[doc(hidden)]
    fn table_mut(&mut self) -> &mut Table<R>;
}

/// A journal record that does not fit the world.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record names a table that this version does not know.
    #[error("the journal names an unknown table {0:?}")]
    UnknownTable(String),
    /// The row's id has the wrong form.
    #[error("the journal has a malformed id {id:?} in table {table:?}")]
    Id {
        /// The table.
        table: String,
        /// The id.
        id: String,
    },
    /// The row's value does not parse.
    #[error("the journal has an unreadable row {id:?} in table {table:?}")]
    Row {
        /// The table.
        table: String,
        /// The id.
        id: String,
        /// What serde found.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! world {
    ($($(#[$doc:meta])* $field:ident: $row:ty,)*) => {
        /// Every resource of every account. Cloning is cheap: tables share structure.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct World {
            /// How many transactions led here, over restarts.
            pub generation: u64,
            $($(#[$doc])* pub $field: Table<$row>,)*
        }

        $(impl Holds<$row> for World {
            fn table(&self) -> &Table<$row> {
                &self.$field
            }

            fn table_mut(&mut self) -> &mut Table<$row> {
                &mut self.$field
            }
        })*

        impl World {
            /// The names of all tables, as the journal uses them.
            pub const TABLES: &'static [&'static str] = &[$(<$row>::TABLE),*];

            /// The row as the journal stores it, JSON; `None` when there is no such row.
            pub fn record(&self, table: &str, id: &str) -> Option<Vec<u8>> {
                match table {
                    $(<$row>::TABLE => {
                        let id = <<$row as Row>::Id as ResourceId>::parse(id).ok()?;
                        serde_json::to_vec(self.$field.get(&id)?).ok()
                    })*
                    _ => None,
                }
            }

            /// Puts (`Some`) or removes (`None`) a row read from the journal.
            pub fn replay(&mut self, table: &str, id: &str, row: Option<&[u8]>) -> Result<(), ReplayError> {
                match table {
                    $(<$row>::TABLE => {
                        let parsed = <<$row as Row>::Id as ResourceId>::parse(id)
                            .map_err(|_| ReplayError::Id { table: table.into(), id: id.into() })?;
                        match row {
                            Some(bytes) => {
                                let row: $row = serde_json::from_slice(bytes).map_err(|source| {
                                    ReplayError::Row { table: table.into(), id: id.into(), source }
                                })?;
                                self.$field.put(row);
                            }
                            None => {
                                self.$field.remove(&parsed);
                            }
                        }
                        Ok(())
                    })*
                    _ => Err(ReplayError::UnknownTable(table.into())),
                }
            }
        }
    };
}

world! {
    /// Tags of all resources.
    tags: Tag,
    /// Accounts' regions that were touched, see [`ec2::RegionDefaults`].
    region_defaults: ec2::RegionDefaults,
    /// Counters for slots and addresses.
    counters: ec2::Counter,
    /// VPCs.
    vpcs: ec2::Vpc,
    /// Subnets.
    subnets: ec2::Subnet,
    /// Subnet CIDR reservations.
    subnet_cidr_reservations: ec2::SubnetCidrReservation,
    /// DHCP option sets.
    dhcp_options: ec2::DhcpOptions,
    /// Volumes.
    volumes: ec2::Volume,
    /// Route tables.
    route_tables: ec2::RouteTable,
    /// Internet gateways.
    internet_gateways: ec2::InternetGateway,
    /// Security groups.
    security_groups: ec2::SecurityGroup,
    /// Security group rules.
    security_group_rules: ec2::SecurityGroupRule,
    /// Network ACLs.
    network_acls: ec2::NetworkAcl,
    /// Elastic IPs.
    addresses: ec2::Address,
    /// Paths of Reachability Analyzer.
    network_insights_paths: ec2::NetworkInsightsPath,
    /// Analyses of Reachability Analyzer.
    network_insights_analyses: ec2::NetworkInsightsAnalysis,
    /// Managed prefix lists.
    managed_prefix_lists: ec2::ManagedPrefixList,
    /// Versions of managed prefix lists.
    prefix_list_versions: ec2::PrefixListVersion,
    /// VPC peering connections.
    vpc_peering_connections: ec2::VpcPeeringConnection,
    /// NAT gateways.
    nat_gateways: ec2::NatGateway,
    /// Network interfaces.
    network_interfaces: ec2::NetworkInterface,
    /// Instances.
    instances: ec2::Instance,
    /// Key pairs.
    key_pairs: ec2::KeyPair,
    /// Images.
    images: ec2::Image,
    /// Client tokens of requests that were carried out.
    client_tokens: ec2::ClientToken,
    /// Route 53 hosted zones.
    hosted_zones: route53::HostedZone,
    /// Route 53 record sets.
    record_sets: route53::RecordSet,
    /// Route 53 changes.
    route53_changes: route53::Change,
    /// Route 53 reusable delegation sets.
    delegation_sets: route53::DelegationSet,
    /// Route 53 health checks.
    health_checks: route53::HealthCheck,
    /// Route 53 CIDR collections.
    cidr_collections: route53::CidrCollection,
    /// Registered domains.
    domains: route53domains::Domain,
    /// What was asked of the registrar.
    domain_operations: route53domains::Operation,
    /// Mail that the registrar sent.
    mails: route53domains::Mail,
    /// Mail addresses that were confirmed.
    confirmed_addresses: route53domains::ConfirmedAddress,
    /// What was charged for domains.
    domain_bills: route53domains::Bill,
    /// Route 53 query logging configurations.
    query_logging_configs: route53::QueryLoggingConfig,
    /// CloudWatch Logs groups.
    log_groups: logs::LogGroup,
    /// CloudWatch Logs streams.
    log_streams: logs::LogStream,
    /// CloudWatch Logs resource policies.
    log_resource_policies: logs::ResourcePolicy,
    /// CloudWatch alarms.
    alarms: cloudwatch::Alarm,
    /// What happened to CloudWatch alarms.
    alarm_histories: cloudwatch::AlarmHistory,
    /// Resolver endpoints.
    resolver_endpoints: route53resolver::ResolverEndpoint,
    /// Resolver rules.
    resolver_rules: route53resolver::ResolverRule,
    /// VPCs in which resolver rules hold.
    resolver_rule_associations: route53resolver::ResolverRuleAssociation,
    /// Resolver query logging configurations.
    query_log_configs: route53resolver::QueryLogConfig,
    /// VPCs whose queries are logged.
    query_log_associations: route53resolver::QueryLogAssociation,
    /// What is set for the resolvers of VPCs.
    resolver_configs: route53resolver::ResolverConfig,
    /// Classic Load Balancers.
    classic_load_balancers: elb::LoadBalancer,
    /// Instances registered with them.
    classic_registrations: elb::Registration,
    /// Application and Network Load Balancers.
    load_balancers: elbv2::LoadBalancer,
    /// Listeners of load balancers.
    listeners: elbv2::Listener,
    /// Rules of listeners.
    listener_rules: elbv2::Rule,
    /// Target groups.
    target_groups: elbv2::TargetGroup,
    /// Targets.
    targets: elbv2::Target,
    /// Trust stores.
    trust_stores: elbv2::TrustStore,
    /// ACM certificates.
    certificates: acm::Certificate,
    /// S3 buckets.
    buckets: s3::Bucket,
    /// STS sessions.
    sessions: sts::Session,
    /// Service quotas that differ from their default.
    quotas: quota::Quota,
    /// Requests for a higher service quota.
    quota_requests: quota::QuotaRequest,
}

impl World {
    /// The row with this id.
    pub fn get<R: Row>(&self, id: &R::Id) -> Option<&R>
    where
        World: Holds<R>,
    {
        Holds::<R>::table(self).get(id)
    }

    /// Every row of a kind, in the order of ids.
    pub fn all<R: Row>(&self) -> impl Iterator<Item = &R>
    where
        World: Holds<R>,
    {
        Holds::<R>::table(self).iter()
    }

    /// The rows that declared `value` in `index`, see [`Row::keys`].
    pub fn by<'w, R: Row>(
        &'w self,
        index: &'static str,
        value: &str,
    ) -> impl Iterator<Item = &'w R> + use<'w, R>
    where
        World: Holds<R>,
    {
        Holds::<R>::table(self).by(index, value)
    }

    /// The rows that declared anything in `index`, in the order of what they declared.
    pub fn in_order<'w, R: Row>(&'w self, index: &'static str) -> impl Iterator<Item = &'w R> + use<'w, R>
    where
        World: Holds<R>,
    {
        Holds::<R>::table(self).in_order(index)
    }

    /// The rows from `id` on, that row included, in the order of ids.
    pub fn from<'w, R: Row>(&'w self, id: &R::Id) -> impl Iterator<Item = &'w R> + use<'w, R>
    where
        World: Holds<R>,
    {
        Holds::<R>::table(self).from(id)
    }

    /// The tags of a resource, ordered by key.
    pub fn tags_of<'w>(&'w self, resource: &str) -> impl Iterator<Item = &'w Tag> + use<'w> {
        self.tags.by("resource", resource)
    }
}
