"""What AWS does and ministack 1.5.33 does not, as far as the tests need it. `mend` is to be called before it starts."""

import concurrent.futures
import contextvars
import json
import re
import threading
import time
from datetime import datetime, timezone

from ministack import app
from ministack.core.arn import parse_arn
from ministack.services import cloudwatch, dynamodb, eventbridge, lambda_svc, scheduler, sqs
from ministack.services.cloudformation import drift, provisioners


def mend():
    scheduler.start_scheduler = lambda: None
    eventbridge._invoke_target = filling_in(eventbridge._invoke_target)
    for name in ("_receive_messages_for_esm", "_delete_messages_for_esm"):
        setattr(sqs, name, on_loop(getattr(sqs, name)))
    for name in ("DeleteMessage", "DeleteMessageBatch"):
        sqs._HANDLERS[name] = deleting_in_vain(sqs._HANDLERS[name])
    lambda_svc._execute_function_provided_warm = naming_requests(lambda_svc._execute_function_provided_warm)
    lambda_svc._route_async_failure = report_failure
    table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    table["create"] = with_ttl_and_recovery(table["create"])
    # Whether an alarm still exists, which it can say of other resources.
    drift._DRIFT_READERS["AWS::CloudWatch::Alarm"] = (drift._exists_in(lambda: cloudwatch._alarms), frozenset())
    provisioners._cw_metric_alarm_record = taking_metric_math(provisioners._cw_metric_alarm_record)


def on_loop(function):
    """The same, done on the loop that serves requests.

    ministack's own threads replace the list of a queue's messages, while a request may be adding to it: that message is
    lost.
    """

    def call(*args):
        done = concurrent.futures.Future()

        def run():
            try:
                done.set_result(function(*args))
            except Exception as error:
                done.set_exception(error)

        app._MAIN_LOOP.call_soon_threadsafe(run, context=contextvars.copy_context())
        return done.result()

    return call


def deleting_in_vain(delete):
    """A deletion by an old receipt handle succeeds, and deletes nothing (SQS's API reference, "DeleteMessage")."""

    def is_stale(code):
        return code == "ReceiptHandleIsInvalid"

    def call(data, url):
        try:
            done = delete(data, url)
        except sqs._Err as error:
            if is_stale(error.code):
                return {}
            raise
        failed = done.get("Failed", [])
        stale = [{"Id": entry["Id"]} for entry in failed if is_stale(entry["Code"])]
        left = [entry for entry in failed if not is_stale(entry["Code"])]
        return {**done, "Successful": done["Successful"] + stale, "Failed": left} if stale else done

    return call


def fire_schedules():
    """Fires the schedules that are due. ministack's own thread does it every ten seconds."""
    on_loop(scheduler._tick_schedules)()


def fire_every_second():
    def forever():
        while True:
            time.sleep(1)
            fire_schedules()

    threading.Thread(target=forever, daemon=True).start()


def filling_in(invoke):
    """Fills in what the Scheduler fills into an input."""

    def call(target, event, rule, *rest):
        if event["Source"] == "aws.scheduler" and "Input" in target:
            target = {**target, "Input": filled(target["Input"], event, rule)}
        invoke(target, event, rule, *rest)

    return call


def filled(text, event, schedule):
    # Recurring ones are due on the minute, and looked at a little later.
    at_s = scheduler._at_time_epoch(schedule["ScheduleExpression"]) or event["Time"] // 60 * 60
    attributes = {
        "scheduled-time": datetime.fromtimestamp(at_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "schedule-arn": schedule["Arn"],
        "execution-id": event["EventId"],
        "attempt-number": "1",
    }
    return re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda match: attributes.get(match[1], match[0]), text)


def naming_requests(execute):
    """The answer says which request it answers: the report of a failure names it."""

    def call(function, event, request_id):
        return {**execute(function, event, request_id), "request_id": request_id}

    return call


def report_failure(destination, function, event, result):
    """What Lambda writes to the destination of failed asynchronous invocations, with all that it writes."""
    arn = lambda_svc._functions[function]["config"]["FunctionArn"]
    report = {
        "version": "1.0",
        "timestamp": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": result["request_id"],
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": result["body"],
    }
    on_loop(eventbridge._dispatch_to_sqs)(parse_arn(destination), json.dumps(report))


def taking_metric_math(record):
    """Alarms of several metrics are kept as well. None is ever raised."""

    def call(name, properties):
        if "Metrics" in properties:
            properties = {**properties, "MetricName": "several", "Namespace": "several"}
            del properties["Metrics"]
        return record(name, properties)

    return call


def with_ttl_and_recovery(create):
    """Tables of stacks have their TTL and their recovery, as those have that are made one by one."""

    def call(logical_id, properties, stack):
        name, attributes = create(logical_id, properties, stack)
        if "TimeToLiveSpecification" in properties:
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": properties["TimeToLiveSpecification"]})
        recovery = properties.get("PointInTimeRecoverySpecification", {})
        dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": recovery})
        return name, attributes

    return call
