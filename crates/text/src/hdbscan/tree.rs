//! From a spanning tree to clusters: what falls apart when, and which parts last.

use super::Edge;
use crate::NOISE;

/// A part of the hierarchy: a point, or what an edge joined.
#[derive(Debug, Clone, Copy)]
struct Node {
    children: Option<(u32, u32)>,
    /// At which 1 / distance it falls apart.
    lambda: f64,
    weight: f64,
}

/// A cluster of the condensed tree.
#[derive(Debug, Clone)]
struct Cluster {
    parent: Option<usize>,
    birth: f64,
    stability: f64,
    /// The points that fall out of it, but for those of its children.
    points: Vec<u32>,
    children: Vec<usize>,
}

/// Labels of weighted points: clusters of a weight of at least `least`, numbered in the order of their first points.
pub(super) fn labels(weights: &[f64], mut edges: Vec<Edge>, least: f64) -> Vec<i32> {
    if weights.iter().sum::<f64>() < least {
        return vec![NOISE; weights.len()];
    }
    edges.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    let nodes = hierarchy(weights, &edges);
    let clusters = condense(&nodes, least);
    number(weights.len(), &choose(&clusters), &clusters)
}

/// Joins along the edges, the shortest first.
fn hierarchy(weights: &[f64], edges: &[Edge]) -> Vec<Node> {
    let point = |weight: &f64| Node { children: None, lambda: f64::INFINITY, weight: *weight };
    let mut nodes: Vec<Node> = weights.iter().map(point).collect();
    let mut parents: Vec<u32> = (0..weights.len() as u32).collect();
    // By root of the union: the node that it is.
    let mut tops: Vec<u32> = parents.clone();
    for edge in edges {
        let (a, b) = (root(&mut parents, edge.from), root(&mut parents, edge.to));
        let (left, right) = (tops[a as usize], tops[b as usize]);
        let weight = nodes[left as usize].weight + nodes[right as usize].weight;
        nodes.push(Node { children: Some((left, right)), lambda: 1.0 / edge.distance, weight });
        parents[b as usize] = a;
        tops[a as usize] = nodes.len() as u32 - 1;
    }
    nodes
}

fn root(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        parents[at as usize] = parents[parents[at as usize] as usize];
        at = parents[at as usize];
    }
    at
}

/// Walks down from the whole: a split into two parts that are both large enough makes two clusters; otherwise the small part
/// falls out and the cluster goes on in the large one. A point that is heavy enough alone is a part like any other.
fn condense(nodes: &[Node], least: f64) -> Vec<Cluster> {
    let cluster =
        |parent, birth| Cluster { parent, birth, stability: 0.0, points: Vec::new(), children: Vec::new() };
    let mut clusters = vec![cluster(None, 0.0)];
    let mut stack = vec![(nodes.len() as u32 - 1, 0_usize)];
    while let Some((node, within)) = stack.pop() {
        let Node { children, lambda, weight } = nodes[node as usize];
        let birth = clusters[within].birth;
        let Some((left, right)) = children else {
            // A point that is a cluster of its own lasts until the closest distance.
            clusters[within].stability += weight * (1.0 / super::CLOSEST - birth).max(0.0);
            clusters[within].points.push(node);
            continue;
        };
        let large = |node: u32| nodes[node as usize].weight >= least;
        match (large(left), large(right)) {
            (true, true) => {
                clusters[within].stability += weight * (lambda - birth).max(0.0);
                for child in [left, right] {
                    clusters.push(cluster(Some(within), lambda));
                    let new = clusters.len() - 1;
                    clusters[within].children.push(new);
                    stack.push((child, new));
                }
            }
            (keeps_left, keeps_right) => {
                for (child, keeps) in [(left, keeps_left), (right, keeps_right)] {
                    if keeps {
                        stack.push((child, within));
                    } else {
                        clusters[within].stability +=
                            nodes[child as usize].weight * (lambda - birth).max(0.0);
                        fall_out(nodes, child, &mut clusters[within].points);
                    }
                }
            }
        }
    }
    clusters
}

fn fall_out(nodes: &[Node], from: u32, points: &mut Vec<u32>) {
    let mut stack = vec![from];
    while let Some(node) = stack.pop() {
        match nodes[node as usize].children {
            None => points.push(node),
            Some((left, right)) => stack.extend([left, right]),
        }
    }
}

/// The clusters whose stability is more than that of what they fall apart into. The whole is never one, unless it is all there is.
fn choose(clusters: &[Cluster]) -> Vec<bool> {
    let mut chosen = vec![false; clusters.len()];
    let mut best: Vec<f64> = clusters.iter().map(|cluster| cluster.stability).collect();
    // Children come after their parents.
    for at in (0..clusters.len()).rev() {
        let children: f64 = clusters[at].children.iter().map(|child| best[*child]).sum();
        let is_whole = clusters[at].parent.is_none() && !clusters[at].children.is_empty();
        if is_whole || (!clusters[at].children.is_empty() && children > clusters[at].stability) {
            best[at] = children;
        } else {
            chosen[at] = true;
        }
    }
    chosen
}

/// Gives every point the number of the topmost chosen cluster that it is in.
fn number(points: usize, chosen: &[bool], clusters: &[Cluster]) -> Vec<i32> {
    let mut of = vec![usize::MAX; points];
    let mut owner = vec![usize::MAX; clusters.len()];
    for (at, cluster) in clusters.iter().enumerate() {
        let above = cluster.parent.map_or(usize::MAX, |parent| owner[parent]);
        owner[at] = if above != usize::MAX {
            above
        } else if chosen[at] {
            at
        } else {
            usize::MAX
        };
        for point in &cluster.points {
            of[*point as usize] = owner[at];
        }
    }
    let mut numbers = vec![NOISE; clusters.len()];
    let mut next = 0;
    of.into_iter()
        .map(|cluster| {
            if cluster == usize::MAX {
                return NOISE;
            }
            if numbers[cluster] == NOISE {
                numbers[cluster] = next;
                next += 1;
            }
            numbers[cluster]
        })
        .collect()
}
