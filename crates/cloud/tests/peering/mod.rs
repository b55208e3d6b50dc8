//! What tests of VPC peering start from: VPCs of several accounts and regions, and requests between them.
#![allow(dead_code)]

use enishi_api::ec2::{
    self, AcceptVpcPeeringConnectionRequest, CreateVpcPeeringConnectionRequest, CreateVpcRequest,
    DeleteVpcPeeringConnectionRequest, DescribeVpcPeeringConnectionsRequest,
    RejectVpcPeeringConnectionRequest, VpcPeeringConnection, ops,
};
use enishi_cloud::tick::{self, Facts};
use enishi_state::Tx;

use crate::harness::{Harness, text};

pub const OWN: &str = "123456789012";
pub const OTHER: &str = "210987654321";

/// A cloud, called by [`OWN`] in us-east-1.
pub struct Peering {
    pub h: Harness,
}

impl Peering {
    pub fn new() -> Self {
        Peering { h: Harness::new() }
    }

    /// Calls from another account from now on.
    pub fn act_as(&mut self, account: &str) {
        self.h.act_as(account, "us-east-1");
    }

    /// A VPC of whoever calls.
    #[track_caller]
    pub fn vpc(&mut self, block: &str) -> String {
        let input = CreateVpcRequest { cidr_block: text(block), ..Default::default() };
        self.h.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
    }

    pub fn between(vpc: &str, peer: &str) -> CreateVpcPeeringConnectionRequest {
        CreateVpcPeeringConnectionRequest {
            vpc_id: vpc.to_owned(),
            peer_vpc_id: text(peer),
            ..Default::default()
        }
    }

    #[track_caller]
    pub fn create(&mut self, input: CreateVpcPeeringConnectionRequest) -> VpcPeeringConnection {
        self.h.ok::<ops::CreateVpcPeeringConnection>(input).vpc_peering_connection.unwrap()
    }

    /// A request between two VPCs of the caller.
    #[track_caller]
    pub fn request(&mut self, vpc: &str, peer: &str) -> String {
        self.create(Peering::between(vpc, peer)).vpc_peering_connection_id.unwrap()
    }

    pub fn accepting(id: &str) -> AcceptVpcPeeringConnectionRequest {
        AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), ..Default::default() }
    }

    #[track_caller]
    pub fn accept(&mut self, id: &str) -> VpcPeeringConnection {
        let input = Peering::accepting(id);
        self.h.ok::<ops::AcceptVpcPeeringConnection>(input).vpc_peering_connection.unwrap()
    }

    pub fn rejecting(id: &str) -> RejectVpcPeeringConnectionRequest {
        RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), ..Default::default() }
    }

    pub fn deleting(id: &str) -> DeleteVpcPeeringConnectionRequest {
        DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.to_owned(), ..Default::default() }
    }

    #[track_caller]
    pub fn delete(&mut self, id: &str) {
        self.h.ok::<ops::DeleteVpcPeeringConnection>(Peering::deleting(id));
    }

    /// An active connection of two VPCs of the caller.
    #[track_caller]
    pub fn active(&mut self, vpc: &str, peer: &str) -> String {
        let id = self.request(vpc, peer);
        self.accept(&id);
        id
    }

    /// What the caller sees.
    #[track_caller]
    pub fn seen(&mut self, filters: &[(&str, &str)]) -> Vec<VpcPeeringConnection> {
        let filter =
            |&(name, value): &(&str, &str)| ec2::Filter { name: text(name), values: vec![value.to_owned()] };
        let input = DescribeVpcPeeringConnectionsRequest {
            filters: filters.iter().map(filter).collect(),
            ..Default::default()
        };
        self.h.ok::<ops::DescribeVpcPeeringConnections>(input).vpc_peering_connections.unwrap()
    }

    /// Code and message of the only connection that the caller sees; nothing where he sees none.
    #[track_caller]
    pub fn status(&mut self) -> Option<(String, String)> {
        let mut seen = self.seen(&[]);
        assert!(seen.len() <= 1, "{seen:?}");
        let status = seen.pop()?.status.unwrap();
        Some((status.code.unwrap(), status.message.unwrap()))
    }

    /// Time passes, and what it brings about happens.
    pub fn wait(&mut self, seconds: i64) {
        self.h.now = self.h.now.plus_seconds(seconds);
        let facts = Facts { realised_generation: self.h.world.generation, ..Facts::default() };
        if tick::needs_tick(&self.h.world, &facts, self.h.now) {
            let mut tx = Tx::new(&self.h.world, &self.h.caller, self.h.now, &mut self.h.entropy);
            tick::tick(&mut tx, &facts);
            let commit = tx.commit().expect("a tick keeps the invariants");
            self.h.accept(commit);
        }
    }
}
