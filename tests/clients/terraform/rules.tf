# Rules inside and outside of their groups and ACLs, option sets, and the main route table.
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "each" {
  for_each          = { a = "10.0.0.0/24", b = "10.0.1.0/24" }
  vpc_id            = aws_vpc.main.id
  cidr_block        = each.value
  availability_zone = "us-east-1${each.key}"
  tags              = { Name = each.key }
}

resource "aws_vpc_dhcp_options" "main" {
  domain_name          = "corp.example"
  domain_name_servers  = ["AmazonProvidedDNS", "10.0.0.2"]
  ntp_servers          = ["169.254.169.123"]
  netbios_name_servers = ["10.0.0.9"]
  netbios_node_type    = 2
  tags                 = { Name = var.changed ? "two" : "one" }
}

resource "aws_vpc_dhcp_options_association" "main" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.main.id
}

resource "aws_default_security_group" "main" {
  vpc_id = aws_vpc.main.id
  ingress {
    protocol  = -1
    self      = true
    from_port = 0
    to_port   = 0
  }
  tags = { Name = "closed" }
}

# In a VPC of its own: where another table is made the main one, this would follow it.
resource "aws_vpc" "other" {
  cidr_block = "10.1.0.0/16"
}

resource "aws_internet_gateway" "other" {
  vpc_id = aws_vpc.other.id
}

resource "aws_default_route_table" "main" {
  default_route_table_id = aws_vpc.other.default_route_table_id
  route {
    cidr_block = var.changed ? "198.51.100.0/24" : "0.0.0.0/0"
    gateway_id = aws_internet_gateway.other.id
  }
  tags = { Name = "default" }
}

resource "aws_default_network_acl" "main" {
  default_network_acl_id = aws_vpc.main.default_network_acl_id
  subnet_ids             = [for subnet in aws_subnet.each : subnet.id if subnet.tags.Name == "a"]
  ingress {
    protocol   = -1
    rule_no    = 100
    action     = "allow"
    cidr_block = var.changed ? "10.0.0.0/8" : "10.0.0.0/16"
    from_port  = 0
    to_port    = 0
  }
  egress {
    protocol   = -1
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "main" {
  route_table_id         = aws_route_table.main.id
  destination_cidr_block = var.changed ? "198.51.100.0/24" : "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_main_route_table_association" "main" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.main.id
}

resource "aws_network_acl" "separate" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.each["b"].id]
}

resource "aws_network_acl_rule" "ping" {
  network_acl_id = aws_network_acl.separate.id
  rule_number    = 50
  protocol       = "icmp"
  rule_action    = "allow"
  cidr_block     = "0.0.0.0/0"
  icmp_type      = 8
  icmp_code      = -1
}

resource "aws_network_acl_rule" "ports" {
  count          = 3
  network_acl_id = aws_network_acl.separate.id
  rule_number    = 100 + count.index
  egress         = count.index == 2
  protocol       = count.index == 0 ? "tcp" : "17"
  rule_action    = count.index == 1 ? "deny" : "allow"
  cidr_block     = "10.${count.index}.0.0/16"
  from_port      = 1024
  to_port        = var.changed ? 2048 : 65535
}

resource "aws_security_group" "inline" {
  name_prefix = "inline-"
  description = "rules of its own"
  vpc_id      = aws_vpc.main.id

  ingress {
    description = "two ranges"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = var.changed ? ["192.0.2.0/24"] : ["192.0.2.0/24", "198.51.100.0/24"]
  }
  ingress {
    from_port       = 53
    to_port         = 53
    protocol        = "udp"
    security_groups = [aws_security_group.separate.id]
    self            = true
  }
  ingress {
    from_port   = 8
    to_port     = 0
    protocol    = "icmp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port   = 0
    to_port     = 0
    protocol    = "50"
    cidr_blocks = ["10.0.0.0/8"]
  }
  tags = { Name = var.changed ? "two" : "one" }
}

resource "aws_security_group" "separate" {
  name                   = "separate"
  vpc_id                 = aws_vpc.main.id
  revoke_rules_on_delete = true
}

resource "aws_security_group_rule" "self" {
  type              = "ingress"
  security_group_id = aws_security_group.separate.id
  self              = true
  protocol          = "-1"
  from_port         = 0
  to_port           = 0
}

resource "aws_security_group_rule" "ranges" {
  type              = "ingress"
  security_group_id = aws_security_group.separate.id
  cidr_blocks       = ["10.0.0.0/8", "172.16.0.0/12"]
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  description       = var.changed ? "private https" : "https"
}

resource "aws_security_group_rule" "from_group" {
  type                     = "ingress"
  security_group_id        = aws_security_group.separate.id
  source_security_group_id = aws_default_security_group.main.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
}

resource "aws_security_group_rule" "out" {
  type              = "egress"
  security_group_id = aws_security_group.separate.id
  cidr_blocks       = ["0.0.0.0/0"]
  protocol          = "all"
  from_port         = 0
  to_port           = 65535
}
