"""Where units may go and which agent comes first: the only part of the core that computes with arrays.

One row per resource and one column per agent, so that a question about every agent is a handful of array operations:
10,000 agents are asked in some tens of microseconds. What is known of agents lives on from cycle to cycle (`matrix`,
`ground`); what a cycle takes from them lives in its `floor`.
"""
