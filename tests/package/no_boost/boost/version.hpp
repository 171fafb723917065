#error "a header without Boost includes Boost"
