# Managed prefix lists, in rules and routes. The provider has no resource for single entries yet (aws_ec2_managed_prefix_list_entry).
# A change of entries is a new version, in place.
resource "aws_ec2_managed_prefix_list" "clients" {
  name           = var.changed ? "changed" : "clients"
  address_family = "IPv4"
  max_entries    = 3
  tags           = { Name = var.changed ? "changed" : "clients" }

  entry {
    cidr        = var.changed ? "198.51.100.0/28" : "203.0.113.0/28"
    description = "one"
  }
  entry {
    cidr = "192.0.2.0/28"
  }
  dynamic "entry" {
    for_each = var.changed ? ["198.51.100.128/25"] : []
    content {
      cidr = entry.value
    }
  }
}

# For another size the provider makes another list, since it is older than AWS's resizing. It cannot give an entry another description
# in place either: it both adds and removes the block, and "Request cannot contain Cidr [...] in both AddPrefixListEntries and
# RemovePrefixListEntries". What refers to the list gets the new one before the old one goes.
resource "aws_ec2_managed_prefix_list" "reach" {
  name           = "reach"
  address_family = "IPv4"
  max_entries    = var.changed ? 4 : 3

  entry {
    cidr        = "203.0.113.0/24"
    description = var.changed ? "changed" : "home"
  }
  entry {
    cidr = "198.51.100.0/24"
  }
  dynamic "entry" {
    for_each = var.changed ? ["192.0.2.0/24"] : []
    content {
      cidr = entry.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_ec2_managed_prefix_list" "empty" {
  name           = "empty"
  address_family = "IPv4"
  max_entries    = 1
  tags           = { Name = "empty" }
}

resource "aws_vpc" "web" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "web" {
  vpc_id = aws_vpc.web.id
}

resource "aws_route" "reach" {
  route_table_id             = aws_vpc.web.main_route_table_id
  destination_prefix_list_id = aws_ec2_managed_prefix_list.reach.id
  gateway_id                 = aws_internet_gateway.web.id
}

resource "aws_route_table" "spare" {
  vpc_id = aws_vpc.web.id
  route {
    destination_prefix_list_id = aws_ec2_managed_prefix_list.clients.id
    gateway_id                 = aws_internet_gateway.web.id
  }
  dynamic "route" {
    for_each = var.changed ? [aws_ec2_managed_prefix_list.empty.id] : []
    content {
      destination_prefix_list_id = route.value
      gateway_id                 = aws_internet_gateway.web.id
    }
  }
}

resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.web.id
  ingress {
    from_port       = 80
    to_port         = 80
    protocol        = "tcp"
    prefix_list_ids = [aws_ec2_managed_prefix_list.clients.id]
  }
  egress {
    from_port       = 0
    to_port         = 0
    protocol        = "-1"
    cidr_blocks     = ["10.0.0.0/16"]
    prefix_list_ids = [aws_ec2_managed_prefix_list.reach.id]
  }
}

resource "aws_security_group" "spare" {
  name   = "spare"
  vpc_id = aws_vpc.web.id
}

resource "aws_security_group_rule" "spare" {
  type              = "egress"
  security_group_id = aws_security_group.spare.id
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_ids   = concat([aws_ec2_managed_prefix_list.empty.id], var.changed ? [] : [aws_ec2_managed_prefix_list.clients.id])
}

resource "aws_subnet" "web" {
  vpc_id                  = aws_vpc.web.id
  cidr_block              = "10.0.0.0/24"
  map_public_ip_on_launch = true
  depends_on              = [aws_internet_gateway.web]
}

resource "aws_instance" "web" {
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.web.id
  vpc_security_group_ids = [aws_security_group.web.id]
}

data "aws_ec2_managed_prefix_list" "clients" {
  id         = aws_ec2_managed_prefix_list.clients.id
  depends_on = [aws_ec2_managed_prefix_list.clients]
}

data "aws_ec2_managed_prefix_list" "empty" {
  name       = "empty"
  depends_on = [aws_ec2_managed_prefix_list.empty]
}

data "aws_ec2_managed_prefix_list" "filter" {
  filter {
    name   = "prefix-list-name"
    values = ["cl*", "ch*"]
  }
  filter {
    name   = "owner-id"
    values = [var.account]
  }
  depends_on = [aws_ec2_managed_prefix_list.clients]
}

data "aws_route" "reach" {
  route_table_id             = aws_vpc.web.main_route_table_id
  destination_prefix_list_id = aws_route.reach.destination_prefix_list_id
}

output "web" {
  value = { id = aws_instance.web.id, address = aws_instance.web.public_ip }
}

output "wrong" {
  value = concat(
    aws_ec2_managed_prefix_list.clients.version == (var.changed ? 2 : 1) ? [] : ["the version"],
    data.aws_ec2_managed_prefix_list.clients.version == (var.changed ? 2 : 1) ? [] : ["the version by id"],
    data.aws_ec2_managed_prefix_list.clients.name == (var.changed ? "changed" : "clients") ? [] : ["the name by id"],
    length(data.aws_ec2_managed_prefix_list.clients.entries) == (var.changed ? 3 : 2) ? [] : ["entries by id"],
    data.aws_ec2_managed_prefix_list.clients.arn == aws_ec2_managed_prefix_list.clients.arn ? [] : ["the ARN by id"],
    data.aws_ec2_managed_prefix_list.empty.id == aws_ec2_managed_prefix_list.empty.id ? [] : ["a list by name"],
    data.aws_ec2_managed_prefix_list.empty.tags["Name"] == "empty" ? [] : ["tags by name"],
    data.aws_ec2_managed_prefix_list.filter.id == aws_ec2_managed_prefix_list.clients.id ? [] : ["a list by filter"],
    aws_ec2_managed_prefix_list.reach.owner_id == var.account ? [] : ["the owner"],
    aws_route.reach.state == "active" && aws_route.reach.origin == "CreateRoute" ? [] : ["the route's state"],
    data.aws_route.reach.gateway_id == aws_internet_gateway.web.id ? [] : ["a route by list"],
  )
}
