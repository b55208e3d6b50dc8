//! Network interfaces and who uses them: instances, NAT gateways; Elastic IPs.

use std::net::Ipv4Addr;

use enishi_fabric::Mac;
use enishi_state::Tx;
use enishi_state::ec2::{
    Address, AddressAssociation, AddressId, Attachment, Connectivity, Instance, InstanceId, InstanceState,
    InterfaceKind, MetadataOptions, NatGateway, NatGatewayAddress, NatGatewayId, NatGatewayState,
    NetworkInterface, NetworkInterfaceId, PUBLIC_POOL, PrivateAddress, SecurityGroupId, Subnet, SubnetId,
    Tenancy,
};

use super::WorldBuilder;

/// Public addresses are handed out from 198.18.1.1.
const FIRST_PUBLIC: u32 = 0x100;

impl WorldBuilder {
    /// A running instance with one network interface and the subnet's lowest free address.
    pub fn instance(&mut self, subnet: &SubnetId, groups: &[&SecurityGroupId]) -> InstanceId {
        let id: InstanceId = self.id("i");
        let interface = self.interface_row(subnet, groups);
        let interface = NetworkInterface { attachment: Some(self.attachment(Some(&id), 0)), ..interface };
        let row = self.instance_row(id.clone(), &interface);
        self.change(|tx| {
            tx.put(interface);
            tx.put(row);
        });
        id
    }

    /// Changes the state of an instance. A terminated one loses its network interfaces.
    pub fn set_state(&mut self, instance: &InstanceId, state: InstanceState) {
        self.change(|tx| {
            if state == InstanceState::Terminated {
                let world = tx.world().clone();
                for row in world.by::<NetworkInterface>("instance", instance.as_str()) {
                    release(tx, &row.id);
                    tx.remove::<NetworkInterface>(&row.id);
                }
            }
            assert!(tx.modify::<Instance>(instance, |row| row.state = state));
        });
    }

    /// A free network interface with the subnet's lowest free address.
    pub fn interface(&mut self, subnet: &SubnetId, groups: &[&SecurityGroupId]) -> NetworkInterfaceId {
        let row = self.interface_row(subnet, groups);
        let id = row.id.clone();
        self.change(|tx| tx.put(row));
        id
    }

    /// Attaches a network interface to an instance.
    pub fn attach(&mut self, interface: &NetworkInterfaceId, instance: &InstanceId, index: u8) {
        let attachment = self.attachment(Some(instance), index);
        self.modify_interface(interface, |row| row.attachment = Some(attachment));
    }

    /// Detaches a network interface.
    pub fn detach(&mut self, interface: &NetworkInterfaceId) {
        self.modify_interface(interface, |row| row.attachment = None);
    }

    /// Changes a network interface.
    pub fn modify_interface(
        &mut self,
        interface: &NetworkInterfaceId,
        change: impl FnOnce(&mut NetworkInterface),
    ) {
        self.change(|tx| assert!(tx.modify::<NetworkInterface>(interface, change)));
    }

    /// Adds a secondary private address.
    pub fn secondary_address(&mut self, interface: &NetworkInterfaceId) -> Ipv4Addr {
        let subnet = self.world.get::<NetworkInterface>(interface).expect("the interface").subnet.clone();
        let ip = self.free_address(&subnet);
        self.modify_interface(interface, |row| row.addresses.push(PrivateAddress { ip }));
        ip
    }

    /// Removes a secondary private address and its Elastic IP's association.
    pub fn remove_secondary_address(&mut self, interface: &NetworkInterfaceId) {
        self.change(|tx| {
            let row = tx.world().get::<NetworkInterface>(interface).expect("the interface");
            let Some(last) = row.addresses.get(1..).and_then(|rest| rest.last()).map(|a| a.ip) else {
                return;
            };
            disassociate(tx, interface, |association| association.private_ip == last);
            tx.modify::<NetworkInterface>(interface, |row| row.addresses.retain(|a| a.ip != last));
        });
    }

    /// Gives an interface an automatically assigned public address.
    pub fn public_ip(&mut self, interface: &NetworkInterfaceId) -> Ipv4Addr {
        let ip = self.free_public();
        self.modify_interface(interface, |row| {
            row.auto_public_ip = Some(ip);
            row.wants_public_ip = true;
        });
        ip
    }

    /// Allocates an Elastic IP.
    pub fn allocate(&mut self) -> AddressId {
        let row = self.address_row();
        let id = row.id.clone();
        self.change(|tx| tx.put(row));
        id
    }

    /// Associates an Elastic IP with a private address of a network interface, in place of any other.
    pub fn associate_address(&mut self, eip: &AddressId, interface: &NetworkInterfaceId, private: Ipv4Addr) {
        let association = AddressAssociation {
            id: self.id("eipassoc"),
            network_interface: interface.clone(),
            private_ip: private,
        };
        self.change(|tx| {
            disassociate(tx, interface, |other| other.private_ip == private);
            assert!(tx.modify::<Address>(eip, |row| row.association = Some(association)));
        });
    }

    /// Takes an Elastic IP from what it is associated with.
    pub fn disassociate_address(&mut self, eip: &AddressId) {
        self.change(|tx| assert!(tx.modify::<Address>(eip, |row| row.association = None)));
    }

    /// Allocates an Elastic IP and associates it with the primary address of an instance.
    pub fn elastic_ip(&mut self, instance: &InstanceId) -> AddressId {
        let interface = self.interface_of(instance, 0);
        let eip = self.allocate();
        let private = self.world.get::<NetworkInterface>(&interface).expect("the interface").primary_ip();
        self.associate_address(&eip, &interface, private);
        eip
    }

    /// A public NAT gateway with an Elastic IP of its own.
    pub fn nat_gateway(&mut self, subnet: &SubnetId) -> NatGatewayId {
        let eip = self.address_row();
        let interface = self.nat_interface_row(subnet);
        let association = AddressAssociation {
            id: self.id("eipassoc"),
            network_interface: interface.id.clone(),
            private_ip: interface.primary_ip(),
        };
        let address = NatGatewayAddress {
            private_ip: interface.primary_ip(),
            allocation: Some(eip.id.clone()),
            public_ip: Some(eip.public_ip),
            association: Some(association.id.clone()),
        };
        let row = self.nat_gateway_row(&interface, Connectivity::Public, address);
        let id = row.id.clone();
        self.change(|tx| {
            tx.put(interface);
            tx.put(Address { association: Some(association), ..eip });
            tx.put(row);
        });
        id
    }

    /// A private NAT gateway.
    pub fn private_nat_gateway(&mut self, subnet: &SubnetId) -> NatGatewayId {
        let interface = self.nat_interface_row(subnet);
        let private_ip = interface.primary_ip();
        let address = NatGatewayAddress { private_ip, allocation: None, public_ip: None, association: None };
        let row = self.nat_gateway_row(&interface, Connectivity::Private, address);
        let id = row.id.clone();
        self.change(|tx| {
            tx.put(interface);
            tx.put(row);
        });
        id
    }

    /// Deletes a NAT gateway; its row stays, as in AWS.
    pub fn delete_nat_gateway(&mut self, gateway: &NatGatewayId) {
        self.change(|tx| {
            let row = tx.world().get::<NatGateway>(gateway).expect("the NAT gateway");
            let interface = row.network_interface.clone();
            release(tx, &interface);
            tx.remove::<NetworkInterface>(&interface);
            tx.modify::<NatGateway>(gateway, |row| row.state = NatGatewayState::Deleted);
        });
    }

    fn nat_gateway_row(
        &mut self,
        interface: &NetworkInterface,
        connectivity: Connectivity,
        address: NatGatewayAddress,
    ) -> NatGateway {
        NatGateway {
            id: self.id("nat"),
            scope: self.scope().clone(),
            vpc: interface.vpc.clone(),
            subnet: interface.subnet.clone(),
            connectivity,
            state: NatGatewayState::Available,
            network_interface: interface.id.clone(),
            addresses: vec![address],
            created: self.now(),
            deleted: None,
        }
    }

    fn nat_interface_row(&mut self, subnet: &SubnetId) -> NetworkInterface {
        let row = self.interface_row(subnet, &[]);
        NetworkInterface {
            kind: InterfaceKind::NatGateway,
            source_dest_check: false,
            attachment: Some(self.attachment(None, 1)),
            requester: Some("amazon-nat-gateway".into()),
            ..row
        }
    }

    fn interface_row(&mut self, subnet: &SubnetId, groups: &[&SecurityGroupId]) -> NetworkInterface {
        let ip = self.free_address(subnet);
        let slot = self.slot("network_interface");
        let [_, b, c, d] = slot.to_be_bytes();
        let id = self.id("eni");
        let subnet = self.world.get::<Subnet>(subnet).expect("the subnet");
        NetworkInterface {
            id,
            scope: self.scope().clone(),
            slot,
            vpc: subnet.vpc.clone(),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            mac: Mac([0x0a, 0xff, 0, b, c, d]),
            kind: InterfaceKind::Interface,
            description: String::new(),
            groups: groups.iter().copied().cloned().collect(),
            source_dest_check: true,
            addresses: vec![PrivateAddress { ip }],
            auto_public_ip: None,
            wants_public_ip: false,
            attachment: None,
            requester: None,
        }
    }

    fn attachment(&mut self, instance: Option<&InstanceId>, device_index: u8) -> Attachment {
        Attachment {
            id: self.id("eni-attach"),
            instance: instance.cloned(),
            instance_owner: self.scope().account.clone(),
            device_index,
            delete_on_termination: true,
            attached: self.now(),
        }
    }

    fn address_row(&mut self) -> Address {
        Address {
            id: self.id("eipalloc"),
            scope: self.scope().clone(),
            public_ip: self.free_public(),
            association: None,
            allocated: self.now(),
            ptr_record: None,
            network_border_group: self.scope().region.as_str().into(),
        }
    }

    fn instance_row(&mut self, id: InstanceId, interface: &NetworkInterface) -> Instance {
        Instance {
            id,
            scope: self.scope().clone(),
            reservation: self.id("r"),
            launch_index: 0,
            image: self.id("ami"),
            instance_type: "t3.micro".into(),
            key_name: None,
            public_key: None,
            vpc: interface.vpc.clone(),
            subnet: interface.subnet.clone(),
            zone: interface.zone.clone(),
            state: InstanceState::Running,
            state_reason: None,
            state_transition_reason: String::new(),
            launched: self.now(),
            terminated: None,
            boot: 1,
            generation: self.world.generation + 1,
            user_data: None,
            metadata: MetadataOptions {
                tokens_required: false,
                enabled: true,
                hop_limit: 1,
                instance_tags: false,
            },
            disable_api_termination: false,
            disable_api_stop: false,
            shutdown_terminates: false,
            monitoring: false,
            ebs_optimized: false,
            cpu_credits: None,
            instance_profile: None,
            tenancy: Tenancy::Default,
            client_token: None,
            private_dns_name: format!(
                "ip-{}.ec2.internal",
                interface.primary_ip().to_string().replace('.', "-")
            ),
        }
    }

    fn free_address(&self, subnet: &SubnetId) -> Ipv4Addr {
        let subnet = self.world.get::<Subnet>(subnet).expect("the subnet");
        let is_free = |ip: &Ipv4Addr| {
            let key = format!("{}/{ip}", subnet.vpc);
            self.world.by::<NetworkInterface>("private_ip", &key).next().is_none()
        };
        // Ten addresses further than the first possible one, so that they are told from gateways at a glance.
        let mut candidates = (10..).map_while(|n| subnet.cidr.nth(n));
        candidates.find(is_free).expect("a free address")
    }

    fn free_public(&mut self) -> Ipv4Addr {
        let n = self.slot("public_ip");
        PUBLIC_POOL.nth(FIRST_PUBLIC + n).expect("a free public address")
    }
}

/// Takes every Elastic IP from an interface.
pub(super) fn release(tx: &mut Tx<'_>, interface: &NetworkInterfaceId) {
    disassociate(tx, interface, |_| true);
}

fn disassociate(
    tx: &mut Tx<'_>,
    interface: &NetworkInterfaceId,
    which: impl Fn(&AddressAssociation) -> bool,
) {
    let world = tx.world().clone();
    for row in world.by::<Address>("network_interface", interface.as_str()) {
        if row.association.as_ref().is_some_and(&which) {
            tx.modify::<Address>(&row.id, |row| row.association = None);
        }
    }
}
