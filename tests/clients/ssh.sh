#!/usr/bin/env bash
# ssh with the created key pair through the Elastic IP, from the internet.
set -euo pipefail
: "${ENISHI:?the enishi binary}"
eval "$("$ENISHI" env)"
export AWS_PAGER="" AWS_DEFAULT_OUTPUT=text
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet=$(aws ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.0.0/24 --query Subnet.SubnetId)
igw=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId)
aws ec2 attach-internet-gateway --vpc-id "$vpc" --internet-gateway-id "$igw"
table=$(aws ec2 describe-route-tables --filters "Name=vpc-id,Values=$vpc" --query 'RouteTables[0].RouteTableId')
aws ec2 create-route --route-table-id "$table" --destination-cidr-block 0.0.0.0/0 --gateway-id "$igw" >/dev/null
group=$(aws ec2 create-security-group --vpc-id "$vpc" --group-name ssh --description ssh --query GroupId)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 22 --cidr 0.0.0.0/0 >/dev/null
for kind in ed25519 rsa; do
  aws ec2 create-key-pair --key-name "$kind" --key-type "$kind" --query KeyMaterial >"$work/$kind"
  chmod 600 "$work/$kind"
  instance=$(aws ec2 run-instances --image-id ami-0abcdef1234567890 --instance-type t3.micro --subnet-id "$subnet" \
    --security-group-ids "$group" --key-name "$kind" --query 'Instances[0].InstanceId')
  aws ec2 wait instance-running --instance-ids "$instance"
  allocation=$(aws ec2 allocate-address --query AllocationId)
  public=$(aws ec2 describe-addresses --allocation-ids "$allocation" --query 'Addresses[0].PublicIp')
  aws ec2 associate-address --allocation-id "$allocation" --instance-id "$instance" >/dev/null
  private=$(aws ec2 describe-instances --instance-ids "$instance" --query 'Reservations[0].Instances[0].PrivateIpAddress')
  seen=$("$ENISHI" exec internet -- ssh -F none -i "$work/$kind" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 -o LogLevel=ERROR "root@$public" 'hostname -I 2>/dev/null || hostname')
  case " $seen " in
    *" $private "*) echo "ssh with the $kind key through $public: $seen" ;;
    *) echo "wanted $private, got: $seen"; exit 1 ;;
  esac
done
