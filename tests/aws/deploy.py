"""Deploys a stack to a local AWS: uploads the functions' zip, and creates everything from the template.

Ends when the stack is complete; prints why it is not, and fails, if something could not be created.
"""

import argparse
import json
import sys
import time

import botocore.session
from botocore.config import Config

def parameters(template, **values):
    """The values of the parameters that the template has."""
    with open(template, encoding="utf-8") as file:
        declared = json.load(file)["Parameters"]
    return [{"ParameterKey": key, "ParameterValue": values[key]} for key in declared]


def failures(cloudformation, stack):
    """Why which resource could not be created, the first one first."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    for event in reversed(events):
        if event["ResourceStatus"].endswith("FAILED"):
            yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--template", required=True, metavar="FILE")
    parser.add_argument("--zip", required=True, metavar="FILE")
    options = parser.parse_args()

    session = botocore.session.get_session()

    # A busy machine answers late. Asked again, it would say that the bucket is there.
    patient = Config(read_timeout=600, retries={"total_max_attempts": 1})

    def client(service):
        return session.create_client(service, options.region, endpoint_url=options.endpoint, config=patient)

    s3, cloudformation = client("s3"), client("cloudformation")
    bucket = f"{options.stack}-deploy"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": options.region})
    with open(options.zip, "rb") as zip:
        s3.put_object(Bucket=bucket, Key="code", Body=zip)
    with open(options.template, "rb") as template:
        # In a request there is room for 50 KB.
        s3.put_object(Bucket=bucket, Key="template", Body=template)
    cloudformation.create_stack(
        StackName=options.stack,
        TemplateURL=f"{options.endpoint}/{bucket}/template",
        Parameters=parameters(options.template, CodeBucket=bucket, CodeKey="code"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    while True:
        stack = cloudformation.describe_stacks(StackName=options.stack)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return
        if stack["StackStatus"] != "CREATE_IN_PROGRESS":
            sys.exit("\n".join([stack["StackStatus"], *failures(cloudformation, options.stack)]))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
