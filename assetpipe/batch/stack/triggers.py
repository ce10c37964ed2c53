"""What starts jobs (an upload, the night), who hears of it (the shop, whoever runs this), what is left undone."""

from __future__ import annotations

import json
from pathlib import Path

from assetpipe.batch.stack.names import Json, Wishes, allow, arn, att, named, policy, ref, resource, s3_arn, sub, trust
from assetpipe.batch.stack.rights import function
from assetpipe.errors import SomeFailed

SECONDS = 60
"""That the function may take for a batch of events; a message is hidden six times as long, as AWS advises."""
TRIES = 5
SOME_FAILED = SomeFailed.exit_code
ON_UPLOAD = Path(__file__).parents[1] / "on_upload.py"


def triggers(wishes: Wishes, config: Json) -> Json:
    return {**_uploads(wishes, config), **_night(), **_listeners(wishes)}


def _uploads(wishes: Wishes, config: Json) -> Json:
    dead = {"deadLetterTargetArn": att("DeadLetters"), "maxReceiveCount": TRIES}
    queue = {"VisibilityTimeout": 6 * SECONDS, "RedrivePolicy": dead, "SqsManagedSseEnabled": True}
    source = {
        "EventSourceArn": att("Uploads"),
        "FunctionName": ref("OnUpload"),
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 5},
    }
    return {
        "DeadLetters": resource("SQS::Queue", {"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": True}),
        "Uploads": resource("SQS::Queue", queue),
        "UploadsPolicy": resource("SQS::QueuePolicy", {"Queues": [ref("Uploads")], "PolicyDocument": _from_s3(wishes)}),
        "OnUploadLogs": resource("Logs::LogGroup", {"RetentionInDays": ref("LogDays")}),
        "OnUploadRole": resource("IAM::Role", _function_role(wishes)),
        "OnUpload": resource("Lambda::Function", _function(wishes, config)),
        "OnUploadSource": resource("Lambda::EventSourceMapping", source),
    }


def _from_s3(wishes: Wishes) -> Json:
    """The bucket is named, not referred to: it wants to see this policy before it is made."""
    here = {
        "ArnLike": {"aws:SourceArn": s3_arn(wishes.sources)},
        "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
    }
    s3 = {"Service": "s3.amazonaws.com"}
    return policy(allow(["sqs:SendMessage"], att("Uploads"), Principal=s3, Condition=here))


def _function_role(wishes: Wishes) -> Json:
    service = [
        allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], att("Uploads")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], sub("${OnUploadLogs.Arn}")),
    ]
    policies = {"code": policy(*function(wishes)), "lambda": policy(*service)}
    return {
        "AssumeRolePolicyDocument": trust("lambda"),
        "Policies": [{"PolicyName": name, "PolicyDocument": document} for name, document in policies.items()],
    }


def _function(wishes: Wishes, config: Json) -> Json:
    return {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": ON_UPLOAD.read_text(encoding="utf-8")},
        "Role": att("OnUploadRole"),
        "Timeout": SECONDS,
        "MemorySize": 256,
        "LoggingConfig": {"LogGroup": ref("OnUploadLogs")},
        "Environment": {
            "Variables": {
                "STORE": wishes.to,
                "QUEUE": ref("CpuQueue"),
                "JOB_DEFINITION": named("work"),
                "CONFIG": config,
            }
        },
    }


def _night() -> Json:
    """Batch is no templated target of the Scheduler, so its API is called."""
    job = {"JobName": "assetpipe-night", "JobQueue": "${CpuQueue}", "JobDefinition": "${Night}"}
    target = {
        "Arn": sub("arn:${AWS::Partition}:scheduler:::aws-sdk:batch:submitJob"),
        "RoleArn": att("ScheduleRole"),
        "Input": sub(json.dumps(job)),
        "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3_600},
        "DeadLetterConfig": {"Arn": att("DeadLetters")},
    }
    schedule = {
        "Name": named("night"),
        "ScheduleExpression": ref("Schedule"),
        "ScheduleExpressionTimezone": ref("Timezone"),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target,
    }
    may = policy(
        allow(["batch:SubmitJob"], ref("CpuQueue"), arn("batch", "job-definition/${AWS::StackName}-night*")),
        allow(["sqs:SendMessage"], att("DeadLetters")),
    )
    role = {
        "AssumeRolePolicyDocument": trust("scheduler"),
        "Policies": [{"PolicyName": "schedule", "PolicyDocument": may}],
    }
    return {"ScheduleRole": resource("IAM::Role", role), "Nightly": resource("Scheduler::Schedule", schedule)}


def _died() -> Json:
    """A job that Batch has given up: no machine, no image, no rights, attempts used. One that ended with 3 has settled
    its slice and said what failed; an array (which counts its children) fails when one of its children does."""
    queues = {"Fn::If": ["Gpus", [ref("CpuQueue"), ref("GpuQueue")], [ref("CpuQueue")]]}
    never: Json = {"exists": False}
    detail = {
        "status": ["FAILED"],
        "jobQueue": queues,
        "container": {"exitCode": [never, {"anything-but": [SOME_FAILED]}]},
        "arrayProperties": {"statusSummary": {"FAILED": [never]}},
    }
    return {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"], "detail": detail}


def _told(wishes: Wishes) -> Json:
    """As `events.JobDied` has it. EventBridge puts quotes about what it fills in; what an event lacks would leave no
    JSON, so only what each has is asked for."""
    paths = {"id": "jobId", "job": "jobName", "queue": "jobQueue", "reason": "statusReason"}
    constant = {"schema": "assetpipe/event/1", "type": "job_died", "store": wishes.to, "run": ""}
    filled = "".join(f', "{name}": <{name}>' for name in paths)
    return {
        "InputPathsMap": {name: f"$.detail.{path}" for name, path in paths.items()},
        "InputTemplate": json.dumps(constant)[:-1] + filled + "}",
    }


def _listeners(wishes: Wishes) -> Json:
    """`Events` is the shop's, whose messages have one form; `Alarms` is for people."""
    depth = {
        "AlarmDescription": "Uploads or nights that could not be submitted lie among the dead letters",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": att("DeadLetters", "QueueName")}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [ref("Alarms")],
    }
    mail = {"TopicArn": ref("Alarms"), "Protocol": "email", "Endpoint": ref("AlarmEmail")}
    own = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    services = {"Service": ["events.amazonaws.com", "cloudwatch.amazonaws.com"]}
    events = {"Service": "events.amazonaws.com"}
    alarm = policy(allow(["sns:Publish"], ref("Alarms"), Principal=services, Condition=own))
    tell = policy(allow(["sns:Publish"], ref("Events"), Principal=events, Condition=own))
    shop = {"Id": "shop", "Arn": ref("Events"), "InputTransformer": _told(wishes)}
    return {
        "Events": resource("SNS::Topic", {"DisplayName": "assetpipe: what is published"}),
        "Alarms": resource("SNS::Topic", {"DisplayName": "assetpipe: what wants looking after"}),
        "AlarmsPolicy": resource("SNS::TopicPolicy", {"Topics": [ref("Alarms")], "PolicyDocument": alarm}),
        "EventsPolicy": resource("SNS::TopicPolicy", {"Topics": [ref("Events")], "PolicyDocument": tell}),
        "AlarmsMail": resource("SNS::Subscription", mail, Condition="Mailed"),
        "JobFailed": resource(
            "Events::Rule", {"EventPattern": _died(), "Targets": [{"Id": "alarms", "Arn": ref("Alarms")}, shop]}
        ),
        "LettersLeft": resource("CloudWatch::Alarm", depth),
    }
