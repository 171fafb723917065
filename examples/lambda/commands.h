// The subcommands of `lambda`: one process each. They print `ready ...` on standard output once
// they take part, end with 0 on SIGINT and SIGTERM after what they hold was committed and given up,
// go on with a new session when theirs was lost, and end with 1 (failed), 2 (usage) or 3 (no server
// of Quorate within 30 s).
//
//   lambda collect  lines -> events on the bus. --log FILE|- | --generate --lines N --rate N --seed
//   N | --listen H:P
//                   (HTTP POST /hits, any number of lines). --partitions N (8), --when-behind
//                   block|buffer|drop,
//                   --bad FILE
//   lambda archive  events -> segments of the master dataset
//   lambda batch    joins the batch workers: --every-s N (60; 0: only when asked), --parts N; with
//   --request [--wait]
//                   asks for a run and ends
//   lambda speed    events -> speed views; --bug drop-errors|count-twice deploys a broken one (for
//   the story) lambda serve    --listen H:P; API and dashboard; --demo allows its buttons that kill
//   and pause workers
#pragma once

#include "examples/pipeline/program/arguments.h"

namespace lambda_app {

int collect(pipeline_program::Arguments& arguments);
int archive(pipeline_program::Arguments& arguments);
int batch(pipeline_program::Arguments& arguments);
int speed(pipeline_program::Arguments& arguments);
int serve(pipeline_program::Arguments& arguments);

}  // namespace lambda_app
