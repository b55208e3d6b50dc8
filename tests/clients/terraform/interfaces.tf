# Network interfaces and public addresses, attached and moved.
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = var.changed
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "main" {
  vpc_id                  = aws_vpc.main.id
  cidr_block              = "10.0.0.0/24"
  map_public_ip_on_launch = var.changed
}

# For interfaces whose addresses are chosen at random: those must not be the ones that others name.
resource "aws_subnet" "random" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.1.0/24"
  availability_zone = aws_subnet.main.availability_zone
}

resource "aws_security_group" "each" {
  count  = 2
  name   = "group-${count.index}"
  vpc_id = aws_vpc.main.id
}

resource "aws_network_interface" "primary" {
  subnet_id       = aws_subnet.main.id
  private_ips     = ["10.0.0.10"]
  security_groups = aws_security_group.each[*].id
  tags            = { Name = "primary" }
}

resource "aws_network_interface" "second" {
  subnet_id         = aws_subnet.main.id
  private_ips       = var.changed ? ["10.0.0.21", "10.0.0.22"] : ["10.0.0.21", "10.0.0.20"]
  security_groups   = [aws_security_group.each[var.changed ? 1 : 0].id]
  source_dest_check = var.changed
  description       = var.changed ? "two" : "one"
}

resource "aws_network_interface" "counted" {
  subnet_id         = aws_subnet.random.id
  private_ips_count = var.changed ? 1 : 2
  attachment {
    instance     = aws_instance.second.id
    device_index = 1
  }
}

resource "aws_instance" "main" {
  ami           = "ami-0abcdef1234567890"
  instance_type = "t3.small"
  network_interface {
    network_interface_id = aws_network_interface.primary.id
    device_index         = 0
  }
}

resource "aws_instance" "second" {
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.small"
  subnet_id              = aws_subnet.main.id
  private_ip             = "10.0.0.30"
  secondary_private_ips  = ["10.0.0.31"]
  source_dest_check      = false
  vpc_security_group_ids = [aws_security_group.each[0].id]
}

resource "aws_network_interface_attachment" "second" {
  instance_id          = aws_instance.main.id
  network_interface_id = aws_network_interface.second.id
  device_index         = 1
}

resource "aws_network_interface_sg_attachment" "more" {
  security_group_id    = aws_security_group.each[1].id
  network_interface_id = aws_network_interface.bare.id
}

resource "aws_network_interface" "bare" {
  subnet_id = aws_subnet.random.id
}

resource "aws_eip" "instance" {
  vpc        = true
  tags       = { Name = var.changed ? "two" : "one" }
  depends_on = [aws_internet_gateway.main]
}

resource "aws_eip_association" "instance" {
  allocation_id        = aws_eip.instance.id
  network_interface_id = var.changed ? aws_network_interface.counted.id : aws_network_interface.primary.id
}

resource "aws_eip" "interface" {
  vpc                       = true
  network_interface         = aws_network_interface.second.id
  associate_with_private_ip = "10.0.0.21"
  depends_on                = [aws_internet_gateway.main]
}

resource "aws_route_table" "through" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route" "through" {
  route_table_id         = aws_route_table.through.id
  destination_cidr_block = "172.16.0.0/12"
  network_interface_id   = var.changed ? aws_network_interface.counted.id : aws_network_interface.second.id
}
