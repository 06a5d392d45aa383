"""What boto3 does on the server S3_ENDPOINT for the region S3_REGION, a line for
each row of the table: its name, a tab, and "yes" or what went wrong."""
import os
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET, KEY = os.environ["S3_BUCKET"], os.environ["S3_KEY"]


def client(secret=os.environ["AWS_SECRET_ACCESS_KEY"], **options):
    return boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name=os.environ["S3_REGION"],
                        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key=secret,
                        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **options))


def row(name, do):
    try:
        got = do()
    except Exception as e:
        got = "the client refuses" if type(e).__name__ == "EndpointResolutionError" else "%s: %s" % (type(e).__name__, e)
    print("%s\t%s" % (name, "yes" if got in (None, True) else " ".join(str(got).split())))


def want(got, expected):
    return got == expected or "got %.100r, want %.100r" % (got, expected)


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def upload():
    path = os.environ["S3_BIG"]
    client().upload_file(path, BUCKET, "big", ExtraArgs={"ACL": "public-read", "Metadata": {"md5sum": "x"}})
    return want(client().get_object(Bucket=BUCKET, Key="big")["Body"].read(), open(path, "rb").read())


def echo():
    s3 = client()
    made = s3.create_multipart_upload(Bucket=BUCKET, Key="echo")
    part = s3.upload_part(Bucket=BUCKET, Key="echo", UploadId=made["UploadId"], PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    s3.complete_multipart_upload(Bucket=BUCKET, Key="echo", UploadId=made["UploadId"], MultipartUpload={"Parts": [
        {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]})


def refused(do):
    try:
        do()
    except (ClientError, urllib.error.HTTPError) as e:
        code = e.code if isinstance(e, urllib.error.HTTPError) else e.response["ResponseMetadata"]["HTTPStatusCode"]
        return want(code, 403)
    return "not refused"


def link(version):
    return client(signature_version=version).generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY})


row("list buckets", lambda: want(BUCKET in [b["Name"] for b in client().list_buckets()["Buckets"]], True))
row("look for a bucket", lambda: client().head_bucket(Bucket=BUCKET) and None)
row("write, read", lambda: client().put_object(Bucket=BUCKET, Key=KEY, Body=b"text") and want(client().get_object(Bucket=BUCKET, Key=KEY)["Body"].read(), b"text"))
row("list objects", lambda: want([o["Key"] for o in client().list_objects_v2(Bucket=BUCKET)["Contents"]], [KEY]))
row("list objects, first version", lambda: want([o["Key"] for o in client().list_objects(Bucket=BUCKET)["Contents"]], [KEY]))
row("upload of 20 MB in parts", upload)
row("checksums of parts told back", echo)
row("copy", lambda: client().copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": KEY}) and want(client().get_object(Bucket=BUCKET, Key="copy")["Body"].read(), b"text"))
row("canned ACL", lambda: client().put_object_acl(Bucket=BUCKET, Key=KEY, ACL="public-read") and None)
row("link of version 4", lambda: want(fetch(link("s3v4")), b"text"))
row("link of version 2", lambda: want(fetch(link("s3")), b"text"))
row("requests of version 2", lambda: want(client(signature_version="s3").get_object(Bucket=BUCKET, Key=KEY)["Body"].read(), b"text"))
row("wrong secret is 403", lambda: refused(lambda: client(secret="guess").get_object(Bucket=BUCKET, Key=KEY)))
row("wrong secret in a link is 403", lambda: refused(lambda: fetch(client(secret="guess", signature_version="s3v4").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": KEY}))))
row("delete one, many", lambda: client().delete_object(Bucket=BUCKET, Key="copy") and client().delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": KEY}, {"Key": "big"}, {"Key": "echo"}]}) and want(client().list_objects_v2(Bucket=BUCKET)["KeyCount"], 0))
