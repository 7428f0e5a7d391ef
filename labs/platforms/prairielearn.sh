#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Grades a submission on PrairieLearn: labs/platforms/prairielearn.sh N
#
# PrairieLearn runs this in an image without a network. Build the image, in the
# directory of the unpacked handout, from this Dockerfile:
#
#     FROM debian:13
#     COPY . /lab
#     RUN cd /lab && apt-get update && apt-get install -y jq make && \
#         sh tools/setup.sh grade3 && make lab3 && make grade3 && rm -r lab
#
# Put <pl-file-upload file-names="stage03.c"></pl-file-upload> and
# <pl-external-grader-results></pl-external-grader-results> into the question's
# question.html, and these lines into its info.json:
#
#     "gradingMethod": "External",
#     "externalGradingOptions": {
#         "enabled": true,
#         "image": "YOUR-COURSE/container-lab3",
#         "entrypoint": "/lab/labs/platforms/prairielearn.sh 3",
#         "timeout": 600
#     }
#
# Format: prairielearn.readthedocs.io, "External Grading".
set -u
grade=${GRADE:-/grade}
results=$grade/results/results.json
mkdir -p "$grade/results"
# If the grader breaks, there is no score, and no attempt is used up.
echo '{"gradable": false, "format_errors": ["The grader broke. No score."]}' >"$results"
bash "$(dirname "$0")/run.sh" "$1" "$grade/student" prairielearn >"$results.new" &&
    jq -e 'has("gradable")' "$results.new" >/dev/null && mv "$results.new" "$results"
exit 0
