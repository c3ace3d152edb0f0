#!/server/busybox sh
# A server that cannot start, and says why.
echo "the password of the database is missing" >&2
exit 3
