"""boto3 against S3: the client, resources, paginators, waiters, transfers in parts, presigned URLs, both addressing styles."""

import hashlib
import io
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1024 * 1024


def client(endpoint, key="test", region="us-east-1", **config):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4", **config),
    )


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, f"wanted {code}, got {error}"
        return error.response
    raise AssertionError(f"wanted {code}, but it succeeded")


def buckets(s3, endpoint):
    s3.create_bucket(Bucket="boto3-lab")
    s3.get_waiter("bucket_exists").wait(Bucket="boto3-lab")
    abroad = client(endpoint, region="eu-west-1")
    abroad.create_bucket(Bucket="boto3-abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="boto3-abroad")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket="boto3-lab")["LocationConstraint"] is None
    assert s3.head_bucket(Bucket="boto3-abroad")["BucketRegion"] == "eu-west-1"
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert names == ["boto3-abroad", "boto3-lab"], names
    refused("BucketAlreadyExists", client(endpoint, key="111122223333").create_bucket, Bucket="boto3-lab")
    refused("404", s3.head_bucket, Bucket="boto3-none")
    tags = [{"Key": "team", "Value": "network"}]
    s3.put_bucket_tagging(Bucket="boto3-lab", Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket="boto3-lab")["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket="boto3-lab")
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket="boto3-lab")
    assert "Status" not in s3.get_bucket_versioning(Bucket="boto3-lab")
    refused(
        "NotImplemented",
        s3.put_bucket_versioning,
        Bucket="boto3-lab",
        VersioningConfiguration={"Status": "Enabled"},
    )
    s3.delete_bucket(Bucket="boto3-abroad")
    s3.get_waiter("bucket_not_exists").wait(Bucket="boto3-abroad")


def objects(s3):
    put = s3.put_object(
        Bucket="boto3-lab", Key="a/ü ö+?&.txt", Body=b"text", ContentType="text/plain", Metadata={"colour": "blue"}
    )
    assert put["ETag"] == f'"{hashlib.md5(b"text").hexdigest()}"'
    assert put["ChecksumCRC32"], put
    got = s3.get_object(Bucket="boto3-lab", Key="a/ü ö+?&.txt", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"text"
    assert (got["ContentType"], got["ContentLength"]) == ("text/plain", 4)
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    refused("NoSuchKey", s3.get_object, Bucket="boto3-lab", Key="none")
    refused("404", s3.head_object, Bucket="boto3-lab", Key="none")
    refused("PreconditionFailed", s3.put_object, Bucket="boto3-lab", Key="a/ü ö+?&.txt", Body=b"", IfNoneMatch="*")
    # The others need a library of Amazon's that is not everywhere.
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        s3.put_object(Bucket="boto3-lab", Key=f"sum/{algorithm}", Body=b"x" * 1000, ChecksumAlgorithm=algorithm)
        head = s3.head_object(Bucket="boto3-lab", Key=f"sum/{algorithm}", ChecksumMode="ENABLED")
        assert head[f"Checksum{algorithm}"], head
    s3.copy_object(Bucket="boto3-lab", Key="copy", CopySource={"Bucket": "boto3-lab", "Key": "a/ü ö+?&.txt"})
    assert s3.head_object(Bucket="boto3-lab", Key="copy")["ContentType"] == "text/plain"
    s3.copy_object(
        Bucket="boto3-lab",
        Key="copy",
        CopySource="boto3-lab/copy",
        MetadataDirective="REPLACE",
        Metadata={"size": "small"},
        ContentType="text/html",
    )
    head = s3.head_object(Bucket="boto3-lab", Key="copy")
    assert (head["ContentType"], head["Metadata"]) == ("text/html", {"size": "small"})


def transfers(s3):
    data = bytes(range(256)) * (4096 * 17) + b"end"
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), "boto3-lab", "large", Config=config)
    head = s3.head_object(Bucket="boto3-lab", Key="large", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-4"') and head["ContentLength"] == len(data), head
    back = io.BytesIO()
    s3.download_fileobj("boto3-lab", "large", back, Config=config)
    assert back.getvalue() == data
    s3.copy({"Bucket": "boto3-lab", "Key": "large"}, "boto3-lab", "large-copy", Config=config)
    assert s3.get_object(Bucket="boto3-lab", Key="large-copy")["Body"].read() == data
    upload = s3.create_multipart_upload(Bucket="boto3-lab", Key="parts", ChecksumAlgorithm="SHA256")["UploadId"]
    part = s3.upload_part(
        Bucket="boto3-lab", Key="parts", UploadId=upload, PartNumber=7, Body=b"x", ChecksumAlgorithm="SHA256"
    )
    listed = s3.list_parts(Bucket="boto3-lab", Key="parts", UploadId=upload)["Parts"]
    assert [(item["PartNumber"], item["Size"]) for item in listed] == [(7, 1)]
    uploads = s3.list_multipart_uploads(Bucket="boto3-lab")["Uploads"]
    assert [item["UploadId"] for item in uploads] == [upload]
    parts = {"Parts": [{"PartNumber": 7, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    done = s3.complete_multipart_upload(Bucket="boto3-lab", Key="parts", UploadId=upload, MultipartUpload=parts)
    assert done["ChecksumSHA256"].endswith("-1"), done
    upload = s3.create_multipart_upload(Bucket="boto3-lab", Key="gone")["UploadId"]
    s3.abort_multipart_upload(Bucket="boto3-lab", Key="gone", UploadId=upload)
    refused("NoSuchUpload", s3.list_parts, Bucket="boto3-lab", Key="gone", UploadId=upload)


def listings(s3):
    for number in range(25):
        s3.put_object(Bucket="boto3-lab", Key=f"list/{number:02}/x&y", Body=b"")
    for paginator in ["list_objects", "list_objects_v2"]:
        pages = s3.get_paginator(paginator).paginate(
            Bucket="boto3-lab", Prefix="list/", PaginationConfig={"PageSize": 7}
        )
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        assert keys == [f"list/{number:02}/x&y" for number in range(25)], keys
        pages = s3.get_paginator(paginator).paginate(
            Bucket="boto3-lab", Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 7}
        )
        prefixes = [item["Prefix"] for page in pages for item in page["CommonPrefixes"]]
        assert prefixes == [f"list/{number:02}/" for number in range(25)], prefixes
    keys = [{"Key": f"list/{number:02}/x&y"} for number in range(25)] + [{"Key": "list/none"}]
    deleted = s3.delete_objects(Bucket="boto3-lab", Delete={"Objects": keys})
    assert len(deleted["Deleted"]) == 26 and "Errors" not in deleted, deleted
    assert s3.list_objects_v2(Bucket="boto3-lab", Prefix="list/")["KeyCount"] == 0


def addresses(s3, endpoint):
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto3-lab", "Key": "copy"})
    assert urllib.request.urlopen(url).read() == b"text"
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "boto3-lab", "Key": "presigned"})
    urllib.request.urlopen(urllib.request.Request(url, data=b"by URL", method="PUT"))
    assert s3.get_object(Bucket="boto3-lab", Key="presigned")["Body"].read() == b"by URL"
    port = endpoint.rsplit(":", 1)[1]
    request = urllib.request.Request(f"{endpoint}/presigned", headers={"Host": f"boto3-lab.s3.localhost:{port}"})
    assert urllib.request.urlopen(request).read() == b"by URL"
    virtual = client(f"http://localhost:{port}", s3={"addressing_style": "virtual"})
    try:
        body = virtual.get_object(Bucket="boto3-lab", Key="presigned")["Body"].read()
        assert body == b"by URL", body
    except Exception as error:
        # Not every resolver knows names below localhost.
        assert "Could not connect" in str(error) or "resolve" in str(error), error


def resources(endpoint):
    s3 = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    bucket = s3.Bucket("boto3-lab")
    assert bucket.creation_date is not None
    bucket.Object("by-resource").put(Body=b"resource")
    assert bucket.Object("by-resource").get()["Body"].read() == b"resource"
    bucket.objects.all().delete()
    assert list(bucket.objects.all()) == []
    bucket.delete()
    assert list(s3.buckets.all()) == []


def main(endpoint):
    s3 = client(endpoint)
    buckets(s3, endpoint)
    objects(s3)
    transfers(s3)
    listings(s3)
    addresses(s3, endpoint)
    resources(endpoint)


main(sys.argv[1])
