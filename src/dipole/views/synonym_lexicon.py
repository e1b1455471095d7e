"""Common English words and others that mean nearly the same, for want of a larger thesaurus."""

from __future__ import annotations

SYNONYMS = """
begin, start, commence
end, finish, conclude
buy, purchase
get, obtain, receive
give, provide, offer
help, assist, aid
show, display, present
find, locate, discover
look, glance
see, notice
say, state, remark
tell, inform
ask, inquire
answer, reply, respond
make, create, produce
build, construct
fix, repair, mend
change, alter, modify
choose, select, pick
need, require
want, desire, wish
try, attempt
use, employ, utilise
keep, retain
stop, halt, cease
close, shut
send, transmit
remove, delete, erase
increase, raise
reduce, lower, decrease
join, connect, link
split, divide
large, big, huge
small, little, tiny
fast, quick, rapid
slow, sluggish
good, fine
bad, poor
new, recent
old, ancient
happy, glad, cheerful
sad, unhappy
easy, simple
hard, difficult, tough
important, significant
strange, odd, weird
correct, right, accurate
wrong, incorrect, mistaken
cheap, inexpensive
expensive, costly
entire, whole, complete
main, principal, chief
error, mistake, fault
job, task, work
trip, journey
car, automobile
shop, store
money, cash
price, cost
picture, image
child, kid
movie, film
road, street
story, tale
idea, notion, thought
list, enumeration
part, piece, portion
place, location, spot
kind, sort, type
area, region, zone
aim, goal, purpose
method, technique, approach
result, outcome
amount, quantity
limit, bound
quickly, rapidly, swiftly
also, too
often, frequently
maybe, perhaps
nearly, almost
"""
