"""The screens of the module Backup."""
