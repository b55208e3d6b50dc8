# Peered VPCs: of one account, of two in one region, and of two in two regions. Requests to others are accepted by their own
# provider: "you must accept the VPC peering connection in the Region of the accepter VPC" (AcceptVpcPeeringConnection).
locals {
  other = "2${substr(var.account, 1, 11)}"
}

provider "aws" {
  alias                       = "other"
  region                      = "us-east-1"
  access_key                  = local.other
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false

  endpoints {
    ec2 = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
}

provider "aws" {
  alias                       = "far"
  region                      = "eu-west-1"
  access_key                  = local.other
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false

  endpoints {
    ec2 = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
}

data "aws_caller_identity" "other" {
  provider = aws.other
}

# The web tier, and three that serve it.
resource "aws_vpc" "web" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "data" {
  cidr_block           = "10.1.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "theirs" {
  provider   = aws.other
  cidr_block = "10.2.0.0/16"
}

resource "aws_vpc" "far" {
  provider             = aws.far
  cidr_block           = "10.3.0.0/16"
  enable_dns_hostnames = true
}

# One's own is accepted at once, and can have the options of both sides.
resource "aws_vpc_peering_connection" "data" {
  vpc_id      = aws_vpc.web.id
  peer_vpc_id = aws_vpc.data.id
  auto_accept = true

  accepter {
    allow_remote_vpc_dns_resolution = true
  }
  requester {
    allow_remote_vpc_dns_resolution = var.changed
  }

  tags = { Name = var.changed ? "changed" : "data" }
}

# "Any tags that you create for your VPC peering connection are only applied in the account or Region in which you create them": each
# side has its own, which the other one does not plan to remove. [VPC peering limitations]
# (https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-limitations)
resource "aws_vpc_peering_connection" "theirs" {
  vpc_id        = aws_vpc.web.id
  peer_vpc_id   = aws_vpc.theirs.id
  peer_owner_id = data.aws_caller_identity.other.account_id
  tags          = { Side = "requester" }
}

resource "aws_vpc_peering_connection_accepter" "theirs" {
  provider                  = aws.other
  vpc_peering_connection_id = aws_vpc_peering_connection.theirs.id
  auto_accept               = true
  tags                      = { Side = "accepter", Name = var.changed ? "changed" : "theirs" }
}

resource "aws_vpc_peering_connection" "far" {
  vpc_id        = aws_vpc.web.id
  peer_vpc_id   = aws_vpc.far.id
  peer_owner_id = data.aws_caller_identity.other.account_id
  peer_region   = "eu-west-1"
  tags          = { Side = "requester", Name = var.changed ? "changed" : "far" }
}

resource "aws_vpc_peering_connection_accepter" "far" {
  provider                  = aws.far
  vpc_peering_connection_id = aws_vpc_peering_connection.far.id
  auto_accept               = true
  tags                      = { Side = "accepter" }
}

# "For peered VPCs in different AWS accounts, each AWS account owner must initiate a separate request to modify the peering connection
# options" (ModifyVpcPeeringConnectionOptions).
resource "aws_vpc_peering_connection_options" "requester" {
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.far.id

  requester {
    allow_remote_vpc_dns_resolution = var.changed
  }
}

resource "aws_vpc_peering_connection_options" "accepter" {
  provider                  = aws.far
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.far.id

  accepter {
    allow_remote_vpc_dns_resolution = !var.changed
  }
}

# Routes both ways: in a table of their own, and in main ones.
resource "aws_subnet" "web" {
  vpc_id     = aws_vpc.web.id
  cidr_block = "10.0.0.0/24"
}

resource "aws_route_table" "web" {
  vpc_id = aws_vpc.web.id
  route {
    cidr_block                = aws_vpc.data.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.data.id
  }
  route {
    cidr_block                = aws_vpc.theirs.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection_accepter.theirs.id
  }
  # The second apply has the far VPC's subnet alone.
  route {
    cidr_block                = var.changed ? "10.3.0.0/24" : aws_vpc.far.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection_accepter.far.id
  }
}

resource "aws_route_table_association" "web" {
  subnet_id      = aws_subnet.web.id
  route_table_id = aws_route_table.web.id
}

resource "aws_route" "data" {
  route_table_id            = aws_vpc.data.main_route_table_id
  destination_cidr_block    = aws_vpc.web.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection.data.id
}

resource "aws_route" "theirs" {
  provider                  = aws.other
  route_table_id            = aws_vpc.theirs.main_route_table_id
  destination_cidr_block    = aws_vpc.web.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.theirs.id
}

resource "aws_route" "far" {
  provider                  = aws.far
  route_table_id            = aws_vpc.far.main_route_table_id
  destination_cidr_block    = aws_vpc.web.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.far.id
}

# The web tier's group is named by groups of its peers: one's own by its id, another account's with the account before it. "You can't
# reference the security group of a peer VPC that's in a different Region. Instead, use the CIDR block of the peer VPC."
# [Update your security groups to reference peer security groups]
# (https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html)
resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.web.id
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["10.0.0.0/8"]
  }
}

resource "aws_security_group" "data" {
  name   = "data"
  vpc_id = aws_vpc.data.id
}

resource "aws_security_group_rule" "data" {
  type                     = "ingress"
  security_group_id        = aws_security_group.data.id
  source_security_group_id = aws_security_group.web.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = var.changed ? 5433 : 5432
  depends_on               = [aws_vpc_peering_connection.data]
}

resource "aws_security_group" "theirs" {
  provider = aws.other
  name     = "theirs"
  vpc_id   = aws_vpc.theirs.id
  ingress {
    from_port       = 5432
    to_port         = var.changed ? 5433 : 5432
    protocol        = "tcp"
    security_groups = ["${var.account}/${aws_security_group.web.id}"]
  }
  depends_on = [aws_vpc_peering_connection_accepter.theirs]
}

resource "aws_security_group" "far" {
  provider = aws.far
  name     = "far"
  vpc_id   = aws_vpc.far.id
  ingress {
    from_port   = 5432
    to_port     = 5433
    protocol    = "tcp"
    cidr_blocks = [aws_vpc.web.cidr_block]
  }
}

# An instance in each; the far one has a public host name, for which its VPC wants an internet gateway.
resource "aws_instance" "web" {
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.web.id
  vpc_security_group_ids = [aws_security_group.web.id]
}

resource "aws_subnet" "data" {
  vpc_id     = aws_vpc.data.id
  cidr_block = "10.1.0.0/24"
}

resource "aws_instance" "data" {
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.data.id
  vpc_security_group_ids = [aws_security_group.data.id]
}

resource "aws_subnet" "theirs" {
  provider   = aws.other
  vpc_id     = aws_vpc.theirs.id
  cidr_block = "10.2.0.0/24"
}

resource "aws_instance" "theirs" {
  provider               = aws.other
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.theirs.id
  vpc_security_group_ids = [aws_security_group.theirs.id]
}

resource "aws_internet_gateway" "far" {
  provider = aws.far
  vpc_id   = aws_vpc.far.id
}

resource "aws_subnet" "far" {
  provider                = aws.far
  vpc_id                  = aws_vpc.far.id
  cidr_block              = "10.3.0.0/24"
  map_public_ip_on_launch = true
}

resource "aws_instance" "far" {
  provider               = aws.far
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.far.id
  vpc_security_group_ids = [aws_security_group.far.id]
  depends_on             = [aws_internet_gateway.far]
}

data "aws_vpc_peering_connection" "far" {
  provider    = aws.far
  peer_vpc_id = aws_vpc.far.id
  status      = "active"
  tags        = { Side = "accepter" }
  depends_on  = [aws_vpc_peering_connection_accepter.far]
}

data "aws_vpc_peering_connections" "web" {
  filter {
    name   = "requester-vpc-info.vpc-id"
    values = [aws_vpc.web.id]
  }
  filter {
    name   = "status-code"
    values = ["active"]
  }
  depends_on = [
    aws_vpc_peering_connection.data,
    aws_vpc_peering_connection_accepter.theirs,
    aws_vpc_peering_connection_accepter.far,
  ]
}

output "web" {
  value = aws_instance.web.id
}

output "addresses" {
  value = {
    web    = aws_instance.web.private_ip
    data   = aws_instance.data.private_ip
    theirs = aws_instance.theirs.private_ip
    far    = aws_instance.far.private_ip
  }
}

output "servers" {
  value = { data = aws_instance.data.id, theirs = aws_instance.theirs.id, far = aws_instance.far.id }
}

output "name" {
  value = { name = aws_instance.far.public_dns, public = aws_instance.far.public_ip, private = aws_instance.far.private_ip }
}

output "wrong" {
  value = concat(
    data.aws_vpc_peering_connection.far.id == aws_vpc_peering_connection.far.id ? [] : ["a connection by tag"],
    data.aws_vpc_peering_connection.far.region == "us-east-1" ? [] : ["the requester's region"],
    data.aws_vpc_peering_connection.far.peer_region == "eu-west-1" ? [] : ["the accepter's region"],
    data.aws_vpc_peering_connection.far.cidr_block == aws_vpc.web.cidr_block ? [] : ["the requester's block"],
    data.aws_vpc_peering_connection.far.peer_cidr_block == aws_vpc.far.cidr_block ? [] : ["the accepter's block"],
    data.aws_vpc_peering_connection.far.owner_id == var.account ? [] : ["the requester's account"],
    length(data.aws_vpc_peering_connections.web.ids) == 3 ? [] : ["connections by filter"],
    aws_vpc_peering_connection.data.accept_status == "active" ? [] : ["the status of one's own"],
    aws_vpc_peering_connection_accepter.far.peer_owner_id == var.account ? [] : ["the accepter's peer"],
  )
}
