"""boto3 and the AWS CLI against CloudWatch in each of its three protocols: metrics, statistics, metric math, alarms."""

import datetime
import json
import os
import subprocess
import sys
import time

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]


def client(protocol):
    """A client that is left one protocol of the model's, and compresses whatever it may."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def load_with_one_protocol(service, kind, *rest, **named):
        model = load(service, kind, *rest, **named)
        if service == "cloudwatch" and kind == "service-2":
            metadata = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
            model = {**model, "metadata": metadata}
        return model

    loader.load_service_model = load_with_one_protocol
    return boto3.Session(botocore_session=session).client(
        "cloudwatch",
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(request_min_compression_size_bytes=1),
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} was not raised")


def until(what, look):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if look():
            return
    raise AssertionError(f"{what} did not happen")


def minute(back):
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    return now - datetime.timedelta(minutes=back)


def metrics(cloudwatch, namespace, expected_headers):
    sent = []
    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", lambda request, **_: sent.append(request))
    dimensions = [{"Name": "Host", "Value": "web-1"}]
    data = [
        {"MetricName": "Load", "Dimensions": dimensions, "Timestamp": minute(10 - at), "Value": float(at), "Unit": "Count"}
        for at in range(4)
    ]
    data.append({"MetricName": "Delay", "Timestamp": minute(10), "Values": [1.0, 2.0, 3.0], "Counts": [50.0, 40.0, 10.0]})
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    headers = {name.lower(): value for name, value in sent[0].headers.items()}
    for name, value in {**expected_headers, "content-encoding": "gzip"}.items():
        found = headers.get(name)
        found = found.decode() if isinstance(found, bytes) else found
        assert found == value, f"{name}: {found}"

    span = {"StartTime": minute(10), "EndTime": minute(0)}
    found = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="Load", Dimensions=dimensions, Period=120, Statistics=["Sum", "SampleCount"], **span
    )
    points = sorted(found["Datapoints"], key=lambda point: point["Timestamp"])
    assert [(point["Sum"], point["SampleCount"], point["Unit"]) for point in points] == [(1, 2, "Count"), (5, 2, "Count")]
    assert points[0]["Timestamp"] == minute(10), points
    found = cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName="Delay", Period=60, ExtendedStatistics=["p50", "p99"], **span
    )
    assert found["Datapoints"][0]["ExtendedStatistics"] == {"p50": 1.5, "p99": 3.0}, found

    stat = {"Metric": {"Namespace": namespace, "MetricName": "Load", "Dimensions": dimensions}, "Period": 60, "Stat": "Sum"}
    queries = [
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
        {"Id": "e1", "Expression": "IF(m1 >= 2, m1 * 10, 0)", "Label": "big"},
        {"Id": "e2", "Expression": "FILL(m1, REPEAT)"},
    ]
    found = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **span)
    results = {one["Id"]: one for one in found["MetricDataResults"]}
    assert results["e1"]["Values"] == [0, 0, 20, 30] and results["e1"]["Label"] == "big", results
    assert results["e2"]["Values"] == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3], results
    pages = cloudwatch.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, MaxDatapoints=3, **span)
    values = [value for page in pages for one in page["MetricDataResults"] if one["Id"] == "e1" for value in one["Values"]]
    assert values == [30, 20, 0, 0], values
    refused("ValidationError", cloudwatch.get_metric_data, MetricDataQueries=[{"Id": "e", "Expression": "SEARCH('x')"}], **span)

    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    listed = [(metric["MetricName"], metric["Dimensions"]) for page in pages for metric in page["Metrics"]]
    assert listed == [("Delay", []), ("Load", dimensions)], listed
    message = refused(
        "InvalidParameterValue",
        cloudwatch.put_metric_data,
        Namespace=namespace,
        MetricData=[{"MetricName": "Load", "Value": 1, "Timestamp": minute(60 * 24 * 20)}],
    )
    assert "within the past two weeks" in message, message


def alarms(cloudwatch, namespace):
    alarm = {
        "AlarmName": f"{namespace} is busy",
        "Namespace": namespace,
        "MetricName": "Busy",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 70.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:ops"],
    }
    data = [{"MetricName": "Busy", "Timestamp": minute(back), "Value": 90} for back in range(1, 5)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    cloudwatch.put_metric_alarm(**alarm, Tags=[{"Key": "team", "Value": "a"}])
    names = {"AlarmNames": [alarm["AlarmName"]]}
    cloudwatch.get_waiter("alarm_exists").wait(**names)

    def shown():
        return cloudwatch.describe_alarms(**names)["MetricAlarms"][0]

    until("the alarm turns", lambda: shown()["StateValue"] == "ALARM")
    assert shown()["StateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints [90.0 ("), shown()
    assert json.loads(shown()["StateReasonData"])["recentDatapoints"] == [90.0, 90.0], shown()
    assert cloudwatch.list_tags_for_resource(ResourceARN=shown()["AlarmArn"])["Tags"] == [{"Key": "team", "Value": "a"}]
    history = cloudwatch.describe_alarm_history(AlarmName=alarm["AlarmName"], ScanBy="TimestampAscending")
    kinds = [item["HistoryItemType"] for item in history["AlarmHistoryItems"]]
    assert kinds == ["ConfigurationUpdate", "StateUpdate", "Action"], kinds
    found = cloudwatch.describe_alarms_for_metric(Namespace=namespace, MetricName="Busy")["MetricAlarms"]
    assert [one["AlarmName"] for one in found] == [alarm["AlarmName"]], found
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="a drill")
    assert shown()["StateReason"] == "a drill", shown()
    cloudwatch.disable_alarm_actions(**names)
    assert not shown()["ActionsEnabled"]
    cloudwatch.delete_alarms(**names)
    assert cloudwatch.describe_alarms(**names)["MetricAlarms"] == []
    refused("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="x")
    refused("ValidationError", cloudwatch.put_metric_alarm, **{**alarm, "EvaluationPeriods": 2000})


def cli(*words):
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    command = ["aws", "--endpoint-url", ENDPOINT, "--region", "us-east-1", "--output", "json", "cloudwatch", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def command_line():
    cli("put-metric-data", "--namespace", "Cli", "--metric-name", "Load", "--value", "7", "--unit", "Percent")
    assert cli("list-metrics", "--namespace", "Cli")["Metrics"] == [
        {"Namespace": "Cli", "MetricName": "Load", "Dimensions": []}
    ]


def main():
    protocols = {
        "smithy-rpc-v2-cbor": {"smithy-protocol": "rpc-v2-cbor"},
        "json": {"x-amz-target": "GraniteServiceVersion20100801.PutMetricData"},
        "query": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
    }
    for protocol, headers in protocols.items():
        cloudwatch = client(protocol)
        metrics(cloudwatch, f"App-{protocol}", headers)
        alarms(cloudwatch, f"App-{protocol}")
    command_line()


main()
