"""boto3 and the AWS CLI against Classic Load Balancers: listeners, instances, policies, attributes, tags, and what is refused."""

import json
import os
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
IMAGE = "ami-0123456789abcdef0"


def client(service):
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was not raised")


def cli(*words):
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    command = ["aws", "--endpoint-url", ENDPOINT, "--region", "us-east-1", "--output", "json", "elb", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def listener(protocol, port, instance_port):
    return {"Protocol": protocol, "LoadBalancerPort": port, "InstancePort": instance_port}


def describe(elb, name):
    return elb.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]


def nodes(ec2, name):
    filters = [{"Name": "description", "Values": [f"ELB {name}"]}]
    return ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]


def two_generations(elb, elbv2):
    """They share a host and a signing name; the version of the API tells them apart."""
    assert [one["LoadBalancerName"] for one in elb.describe_load_balancers()["LoadBalancerDescriptions"]] == ["web"]
    assert elbv2.describe_load_balancers()["LoadBalancers"] == []


def life(elb, ec2):
    zones = ["us-east-1a", "us-east-1b"]
    made = elb.create_load_balancer(
        LoadBalancerName="web", Listeners=[listener("HTTP", 80, 8080)], AvailabilityZones=zones[:1], Tags=[{"Key": "a", "Value": "b"}]
    )
    shown = describe(elb, "web")
    assert shown["DNSName"] == made["DNSName"] == shown["CanonicalHostedZoneName"], shown
    assert shown["HealthCheck"]["Target"] == "TCP:8080" and shown["Scheme"] == "internet-facing", shown
    assert all(node["Association"]["PublicIp"] for node in nodes(ec2, "web"))
    assert elb.enable_availability_zones_for_load_balancer(LoadBalancerName="web", AvailabilityZones=zones)["AvailabilityZones"] == zones
    assert len(nodes(ec2, "web")) == 2
    elb.create_load_balancer_listeners(LoadBalancerName="web", Listeners=[listener("TCP", 2222, 22)])
    refused("DuplicateListener", elb.create_load_balancer_listeners, LoadBalancerName="web", Listeners=[listener("TCP", 2222, 23)])
    elb.delete_load_balancer_listeners(LoadBalancerName="web", LoadBalancerPorts=[2222])
    assert [one["Listener"]["LoadBalancerPort"] for one in describe(elb, "web")["ListenerDescriptions"]] == [80]
    cli("configure-health-check", "--load-balancer-name", "web", "--health-check",
        "Target=HTTP:8080/ping,Interval=10,Timeout=3,UnhealthyThreshold=2,HealthyThreshold=2")
    assert cli("describe-load-balancers")["LoadBalancerDescriptions"][0]["HealthCheck"]["Target"] == "HTTP:8080/ping"


def instances(elb, ec2):
    made = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, Placement={"AvailabilityZone": "us-east-1a"})
    instance = {"InstanceId": made["Instances"][0]["InstanceId"]}
    registered = elb.register_instances_with_load_balancer(LoadBalancerName="web", Instances=[instance])
    assert registered["Instances"] == [instance], registered
    state = elb.describe_instance_health(LoadBalancerName="web")["InstanceStates"][0]
    assert state["InstanceId"] == instance["InstanceId"] and state["State"] == "OutOfService", state
    left = elb.deregister_instances_from_load_balancer(LoadBalancerName="web", Instances=[instance])
    assert left["Instances"] == [], left
    waiter = elb.get_waiter("instance_deregistered")
    waiter.wait(LoadBalancerName="web", Instances=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    refused("InvalidInstance", elb.register_instances_with_load_balancer, LoadBalancerName="web", Instances=[{"InstanceId": "i-1"}])
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])


def policies_and_attributes(elb):
    elb.create_app_cookie_stickiness_policy(LoadBalancerName="web", PolicyName="app", CookieName="SESSION")
    elb.set_load_balancer_policies_of_listener(LoadBalancerName="web", LoadBalancerPort=80, PolicyNames=["app"])
    proxy = [{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}]
    elb.create_load_balancer_policy(
        LoadBalancerName="web", PolicyName="proxy", PolicyTypeName="ProxyProtocolPolicyType", PolicyAttributes=proxy
    )
    elb.set_load_balancer_policies_for_backend_server(LoadBalancerName="web", InstancePort=8080, PolicyNames=["proxy"])
    shown = describe(elb, "web")
    assert shown["ListenerDescriptions"][0]["PolicyNames"] == ["app"], shown
    assert shown["BackendServerDescriptions"] == [{"InstancePort": 8080, "PolicyNames": ["proxy"]}], shown
    refused("InvalidConfigurationRequest", elb.delete_load_balancer_policy, LoadBalancerName="web", PolicyName="app")
    wanted = {"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionSettings": {"IdleTimeout": 30}}
    elb.modify_load_balancer_attributes(LoadBalancerName="web", LoadBalancerAttributes=wanted)
    found = elb.describe_load_balancer_attributes(LoadBalancerName="web")["LoadBalancerAttributes"]
    assert {key: found[key] for key in wanted} == wanted, found
    tags = elb.describe_tags(LoadBalancerNames=["web"])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}], tags


def main():
    elb, elbv2, ec2 = client("elb"), client("elbv2"), client("ec2")
    life(elb, ec2)
    two_generations(elb, elbv2)
    instances(elb, ec2)
    policies_and_attributes(elb)
    elb.delete_load_balancer(LoadBalancerName="web")
    assert nodes(ec2, "web") == []
    message = refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerNames=["web"])
    assert message == "There is no ACTIVE Load Balancer named 'web'", message


main()
