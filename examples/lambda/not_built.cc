// Commands whose parts are built beside this one: each goes from here when its own file comes.
#include "examples/lambda/commands.h"
#include "examples/lambda/options.h"

namespace lambda_app {

int serve(pipeline_program::Arguments& arguments) {
  return fail(arguments.command() + " is not built into this program");
}

}  // namespace lambda_app
