"""The screens of the module Scheduled jobs."""
