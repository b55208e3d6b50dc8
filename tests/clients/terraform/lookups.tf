# Data sources, and what they say.
data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_regions" "all" {}
data "aws_partition" "here" {}

data "aws_availability_zones" "up" {
  state = "available"
}

data "aws_availability_zone" "one" {
  name = data.aws_availability_zones.up.names[0]
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnet_ids" "default" {
  vpc_id = data.aws_vpc.default.id
}

data "aws_subnet" "default" {
  for_each = data.aws_subnet_ids.default.ids
  id       = each.value
}

data "aws_security_group" "default" {
  vpc_id = data.aws_vpc.default.id
  name   = "default"
}

data "aws_ami" "ubuntu" {
  most_recent = true
  owners      = ["099720109477"]
  filter {
    name   = "name"
    values = ["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"]
  }
  filter {
    name   = "virtualization-type"
    values = ["hvm"]
  }
}

data "aws_ami" "al2" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["amzn2-ami-hvm-*-x86_64-gp2"]
  }
  filter {
    name   = "root-device-type"
    values = ["ebs"]
  }
}

data "aws_ami_ids" "debian" {
  owners = ["136693071363"]
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

data "aws_ec2_instance_type" "micro" {
  instance_type = "t3.micro"
}

data "aws_ec2_instance_type_offering" "small" {
  filter {
    name   = "instance-type"
    values = ["t2.micro", "t3.micro"]
  }
  preferred_instance_types = ["t3.micro", "t2.micro"]
}

data "aws_ec2_instance_type_offerings" "zones" {
  filter {
    name   = "instance-type"
    values = ["t3.micro"]
  }
  location_type = "availability-zone"
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "main", Env = "lookups" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "main" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone = data.aws_availability_zones.up.names[count.index]
  tags              = { Tier = count.index == 0 ? "public" : "private" }
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.main.id
  }
}

resource "aws_route_table_association" "main" {
  subnet_id      = aws_subnet.main[1].id
  route_table_id = aws_route_table.main.id
}

resource "aws_eip" "main" {
  vpc        = true
  tags       = { Name = "nat" }
  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  subnet_id     = aws_subnet.main[0].id
  allocation_id = aws_eip.main.id
  tags          = { Name = "nat" }
}

resource "aws_security_group" "main" {
  name   = "main"
  vpc_id = aws_vpc.main.id
  tags   = { Name = "main" }
}

resource "aws_instance" "main" {
  ami                    = data.aws_ami.ubuntu.id
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.main[1].id
  vpc_security_group_ids = [aws_security_group.main.id]
  user_data              = "#!/bin/sh\necho ${var.changed}\n"
  tags                   = { Name = "main" }
}

data "aws_vpc" "by_tag" {
  tags       = { Name = "main" }
  depends_on = [aws_vpc.main]
}

data "aws_vpcs" "all" {
  tags       = { Env = "lookups" }
  depends_on = [aws_vpc.main]
}

data "aws_subnet_ids" "private" {
  vpc_id     = aws_vpc.main.id
  tags       = { Tier = "private" }
  depends_on = [aws_subnet.main]
}

data "aws_subnet" "by_filter" {
  filter {
    name   = "tag:Tier"
    values = ["public"]
  }
  depends_on = [aws_subnet.main]
}

data "aws_route_table" "by_subnet" {
  subnet_id  = aws_subnet.main[1].id
  depends_on = [aws_route_table_association.main]
}

data "aws_route_tables" "all" {
  vpc_id     = aws_vpc.main.id
  depends_on = [aws_route_table.main]
}

data "aws_route" "default" {
  route_table_id         = aws_route_table.main.id
  destination_cidr_block = "0.0.0.0/0"
}

data "aws_internet_gateway" "main" {
  filter {
    name   = "attachment.vpc-id"
    values = [aws_internet_gateway.main.vpc_id]
  }
}

data "aws_security_groups" "main" {
  filter {
    name   = "vpc-id"
    values = [aws_security_group.main.vpc_id]
  }
}

data "aws_security_group" "main" {
  id = aws_security_group.main.id
}

data "aws_nat_gateway" "main" {
  subnet_id = aws_nat_gateway.main.subnet_id
  state     = "available"
}

data "aws_eip" "by_ip" {
  public_ip = aws_eip.main.public_ip
}

data "aws_eip" "by_tag" {
  tags       = { Name = "nat" }
  depends_on = [aws_eip.main]
}

data "aws_network_acls" "main" {
  vpc_id = aws_vpc.main.id
}

data "aws_vpc_dhcp_options" "main" {
  dhcp_options_id = aws_vpc.main.dhcp_options_id
}

data "aws_instance" "main" {
  instance_id   = aws_instance.main.id
  get_user_data = true
}

data "aws_instances" "main" {
  instance_tags = { Name = "main" }
  depends_on    = [aws_instance.main]
}

data "aws_network_interface" "main" {
  id = aws_instance.main.primary_network_interface_id
}

data "aws_network_interfaces" "main" {
  filter {
    name   = "subnet-id"
    values = [aws_instance.main.subnet_id]
  }
}

data "aws_ebs_volumes" "main" {
  filter {
    name   = "attachment.instance-id"
    values = [aws_instance.main.id]
  }
}

# Terraform 1.0 has no assertions: a wrong answer becomes an index out of range.
locals {
  must = {
    account     = data.aws_caller_identity.me.account_id == var.account
    region      = data.aws_region.here.name == "us-east-1"
    regions     = contains(data.aws_regions.all.names, "eu-central-1")
    zones       = length(data.aws_availability_zones.up.names) == 6
    zone        = data.aws_availability_zone.one.name_suffix == "a"
    default     = data.aws_vpc.default.cidr_block == "172.31.0.0/16"
    defaults    = alltrue([for subnet in data.aws_subnet.default : subnet.default_for_az])
    type        = data.aws_ec2_instance_type.micro.default_vcpus == 2
    offering    = data.aws_ec2_instance_type_offering.small.instance_type == "t3.micro"
    vpc         = data.aws_vpc.by_tag.id == aws_vpc.main.id
    vpcs        = join(" ", data.aws_vpcs.all.ids) == aws_vpc.main.id
    private     = join(" ", data.aws_subnet_ids.private.ids) == aws_subnet.main[1].id
    public      = data.aws_subnet.by_filter.id == aws_subnet.main[0].id
    table       = data.aws_route_table.by_subnet.id == aws_route_table.main.id
    tables      = length(data.aws_route_tables.all.ids) == 2
    route       = data.aws_route.default.nat_gateway_id == aws_nat_gateway.main.id
    gateway     = data.aws_internet_gateway.main.id == aws_internet_gateway.main.id
    groups      = contains(data.aws_security_groups.main.ids, aws_security_group.main.id)
    group       = data.aws_security_group.main.name == "main"
    nat         = data.aws_nat_gateway.main.public_ip == aws_eip.main.public_ip
    eip         = data.aws_eip.by_ip.id == aws_eip.main.id && data.aws_eip.by_tag.id == aws_eip.main.id
    acls        = length(data.aws_network_acls.main.ids) == 1
    dns         = data.aws_vpc_dhcp_options.main.domain_name == "ec2.internal"
    instance    = data.aws_instance.main.private_ip == aws_instance.main.private_ip
    instances   = join(" ", data.aws_instances.main.ids) == aws_instance.main.id
    interface   = data.aws_network_interface.main.private_ip == aws_instance.main.private_ip
    interfaces  = length(data.aws_network_interfaces.main.ids) == 1
    root_volume = length(data.aws_ebs_volumes.main.ids) == 1
  }
  wrong = [for name, right in local.must : name if !right]
}

output "wrong" {
  value = local.wrong
}
